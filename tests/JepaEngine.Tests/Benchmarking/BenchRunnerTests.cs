using JepaEngine.Jepa.Benchmarking;
using JepaEngine.Memory;
using JepaEngine.Primitives;

namespace JepaEngine.Tests.Benchmarking;

[Collection(Alone.Name)]
public sealed class BenchRunnerTests
{
    private static readonly Device Cpu = Device.Cpu.With(threads: 1);

    private static readonly BenchMachine Machine = BenchMachine.Of("a processor", [Cpu]);

    [Fact]
    public void ARowIsVisitedInFifteenRoundsAndKeepsEverySample()
    {
        long before = Cpu.Allocator.Report().InUse;
        var visits = new List<int>();
        IReadOnlyList<BenchRecord> records;
        using (var runner = new BenchRunner(new BenchGrid { Ops = ["LayerNorm"], Tokens = [16], Devices = [Cpu] }.Cases(), new BenchOptions()))
        {
            records = runner.Run(Machine, visits.Add, TestContext.Current.CancellationToken);
            Assert.Empty(runner.Faults);
        }
        Assert.Equal(before, Cpu.Allocator.Report().InUse);
        Assert.Equal([("LayerNorm 16x1024", "forward"), ("LayerNorm 16x1024", "backward")], records.Select(record => (record.Case, record.Pass)));
        Assert.Equal([.. Enumerable.Range(0, 32), 31], visits);
        Assert.All(records, record =>
        {
            Assert.Equal(15, record.Rounds);
            Assert.True(record.Samples.Length >= 15 && record.Samples.Length % 15 == 0 && record.Samples.All(sample => sample > 0));
            Assert.InRange(record.PeakGflops, 0.1, 1e4);
            Assert.InRange(record.PeakGigabytes, 0.1, 1e4);
            // The call itself, not its 64 KB of operands, which no garbage collector sees.
            Assert.InRange(record.Allocated!.Value, 1, 10_000);
            Assert.Null(record.Launches);
            Assert.Equal(("F32", "cpu", 1, true), (record.DType, record.Device, record.Threads, record.Cold));
        });
        // Read: rows, weight, bias; written: rows. Backward: both rows read, one written.
        Assert.Equal(4 * (2 * 16 * 1024 + 2 * 1024), records[0].Bytes);
        Assert.Equal(4 * 3 * 16 * 1024, records[1].Bytes);
    }

    [Fact]
    public void ARowThatCannotBeMeasuredDoesNotStopTheOthers()
    {
        // A processor computes in f32 only: the row's fault says so.
        Device none = Cpu.With(compute: DType.BF16);
        IReadOnlyList<BenchCase> cases = new BenchGrid { Ops = ["Relu"], Tokens = [16], Devices = [none, Cpu] }.Cases();
        using var runner = new BenchRunner(cases, new BenchOptions(Budget: TimeSpan.FromSeconds(1)));
        Assert.Equal("cpu", Assert.Single(runner.Run(Machine, _ => { }, TestContext.Current.CancellationToken)).Device);
        (BenchCase failed, string fault) = Assert.Single(runner.Faults);
        Assert.Equal(none, failed.Device);
        Assert.Contains("BF16", fault);
    }

    [Fact]
    public void ACancelledRunEnds()
    {
        using var source = new CancellationTokenSource();
        using var runner = new BenchRunner(new BenchGrid { Ops = ["Relu"], Tokens = [16], Devices = [Cpu] }.Cases(), new BenchOptions(Budget: TimeSpan.FromSeconds(30)));
        Assert.Throws<OperationCanceledException>(() => runner.Run(Machine, _ => source.Cancel(), source.Token));
    }

    [Fact]
    public void ThePeakOfTwoThreadsIsThatOfBoth() => Assert.InRange(CpuPeak.Gflops(2) / CpuPeak.Gflops(1), 0.9, 2.5);
}
