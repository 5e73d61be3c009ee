using JepaEngine.Jepa.Benchmarking;

namespace JepaEngine.Tests.Benchmarking;

public sealed class BenchHistoryTests
{
    private static readonly BenchRecord First = BenchFileTests.Sample with { Utc = "2026-11-20T10:00:00Z" };

    private static BenchRecord Later(string utc, string build, double factor) => First with
    {
        Utc = utc, Samples = [.. First.Samples.Select(sample => factor * sample)], Machine = First.Machine! with { Build = build },
    };

    [Fact]
    public void ACaseIsOneHistoryAMachineAndALineAnEngineAndDevice()
    {
        BenchRecord[] records =
        [
            Later("2026-11-22T10:00:00Z", "JepaEngine 0.1.0+0123456789", 0.5), First, First with { Threads = 1 },
            First with { Engine = "PyTorch 2.14.1" }, First with { Machine = First.Machine! with { Cpu = "another" } },
            First with { Device = "sim" }, First with { Utc = null }, First with { Machine = null },
        ];
        IReadOnlyList<BenchHistory> histories = BenchHistory.Of(records);
        Assert.Equal(["a processor, 2 cores", "another, 2 cores"], histories.Select(history => history.Machine));
        BenchHistory history = histories[0];
        Assert.Equal(["JepaEngine, cpu x1 F32", "JepaEngine, cpu x2 F32", "PyTorch 2.14.1, cpu x2 F32"], history.Lines.Select(line => line.Name));
        Assert.Equal([("2026-11-20T10:00:00Z", "JepaEngine 0.1.0+abc"), ("2026-11-22T10:00:00Z", "JepaEngine 0.1.0+0123456789")], history.Runs);
        Assert.Equal([11, 5.5], history.Lines[1].Records.Select(record => record.P50));
        Assert.Equal(-0.5, history.Lines[1].Change);
        Assert.Equal("linear-gelu-256x4096x1024-forward-a-processor-2-cores", history.FileName);
    }

    [Fact]
    public void APeerThatKnowsOnlyTheNameOfAGpuIsInItsHistory()
    {
        BenchRecord ours = First with
        {
            Device = "cuda:0", Threads = 0,
            Machine = First.Machine! with { Gpu = "H100, sm_90, 132 multiprocessors, 79 GiB" },
        };
        BenchRecord peer = ours with { Engine = "PyTorch 2.14.1", Machine = First.Machine! with { Gpu = "H100" } };
        BenchHistory history = Assert.Single(BenchHistory.Of([ours, peer]));
        Assert.Equal("H100", history.Machine);
        Assert.Equal(["JepaEngine, cuda:0 F32", "PyTorch 2.14.1, cuda:0 F32"], history.Lines.Select(line => line.Name));
    }

    [Fact]
    public void ThePictureShowsEveryRunAndTheBandOfItsNoise()
    {
        BenchRecord peer = Later("2026-11-23T10:00:00Z", "torch 2.14.1+debian, OpenBLAS 0.3.34", 1) with { Engine = "PyTorch 2.14.1" };
        BenchHistory history = Assert.Single(BenchHistory.Of([First, Later("2026-11-22T10:00:00Z", "JepaEngine 0.1.0+0123456789", 0.5), peer]));
        string svg = HistoryChart.Draw(history);
        Assert.Equal(3, Count("<circle class=\"dot"));
        // Two runs make a band; the peer's single one a bar.
        Assert.Equal((1, 1), (Count("<path class=\"band"), Count("class=\"bar c1\"")));
        Assert.Contains(">0123456</text>", svg);
        Assert.Contains(">torch 2.14.1+debian</text>", svg);
        Assert.Contains(">2026-11-22</text>", svg);
        Assert.Contains("JepaEngine, cpu x2 F32: 5.500 ms, noise ", svg);

        int Count(string part) => svg.Split(part).Length - 1;
    }

    [Fact]
    public void TheTableSaysHowMuchTheLastRunDiffersFromTheFirst() => Assert.Contains("-50.0 %",
        HistoryTable.Plain(BenchHistory.Of([First, Later("2026-11-22T10:00:00Z", "JepaEngine 0.1.0+abc", 0.5)])).Last());
}
