using JepaEngine.Jepa.Benchmarking;

namespace JepaEngine.Tests.Benchmarking;

public sealed class BenchDocumentTests
{
    private static readonly BenchRecord Ours = BenchFileTests.Sample with { Utc = "2026-11-20T10:00:00Z" };

    private static readonly BenchRecord[] Records =
    [
        Ours with { Utc = "2026-11-19T10:00:00Z", Samples = [99] },
        Ours, Ours with { Threads = 1, Samples = [20] }, Ours with { Engine = "PyTorch 2.14.1 eager", Samples = [22] }, Ours with { Engine = "PyTorch 2.14.1 fused", Samples = [16.5] },
        Ours with { Engine = "ONNX Runtime 1.23.2", Threads = 1, Samples = [10] },
        Ours with { Case = "Relu 16x16" }, Ours with { Case = "vjepa2-vitl-2", Pass = "encode", Samples = [1660] }, Ours with { Case = "Gemm.Product NT 1x2x3", Samples = [0.0123] },
        Ours with { Machine = Ours.Machine! with { Cpu = "an older one" }, Utc = "2026-11-18T10:00:00Z", Case = "Elsewhere 1" },
    ];

    private static string[] Table(string name) => BenchDocument.Rewrite($"above\n<!-- table: {name} -->\nold\n<!-- end -->\nbelow", Records).Split('\n');

    [Fact]
    public void ATableHoldsTheNewestRecordsBesideTheFastestPeer()
    {
        string[] lines = Table("operations cpu");
        Assert.Equal(["above", "<!-- table: operations cpu -->", ""], lines[..3]);
        Assert.Equal(["", "<!-- end -->", "below"], lines[^3..]);
        Assert.Equal(["operation", "pass", "1 thread", "noise", "% peak", "PyTorch", "ONNX Runtime", "2 threads", "noise", "% peak", "PyTorch", "ONNX Runtime"], Cells(lines[3]));
        Assert.Equal(["Linear gelu 256x4096x1024", "forward", "20.0 ms", "-", "28", "-", "0.50x", "11.0 ms", "13 %", "50", "1.50x", "-"], Cells(Assert.Single(lines[5..^3])));
    }

    [Fact]
    public void ModelsAndBenchmarksHaveTheirOwn()
    {
        // None of the peers ran a model.
        Assert.Equal(["vjepa2-vitl-2", "encode", "2", "1.66 s", "-", "1", "0"], Cells(Table("models cpu")[5]));
        Assert.Equal("Gemm.Product NT 1x2x3", Cells(Assert.Single(Table("benchmarks cpu")[5..^3]))[0]);
        Assert.Equal("12 µs", Cells(Table("benchmarks cpu")[5])[2]);
        Assert.Equal("Relu 16x16", Cells(Assert.Single(Table("others cpu")[5..^3]))[0]);
        Assert.Equal("a processor, 2 cores, Avx2, a system, .NET; JepaEngine 0.1.0 at abc, beside ONNX Runtime 1.23.2 and PyTorch 2.14.1; 2026-11-20.", Table("machine cpu")[3]);
    }

    [Fact]
    public void MakingATableTwiceChangesNothing()
    {
        string once = string.Join('\n', Table("models cpu"));
        Assert.Equal(once, BenchDocument.Rewrite(once, Records));
    }

    [Theory]
    [InlineData("<!-- table: models cpu -->\nold", "no line <!-- end -->")]
    [InlineData("<!-- table: models cpu -->\n<!-- table: models cpu -->\n<!-- end -->", "before the next one")]
    [InlineData("<!-- table: nothing cpu -->\n<!-- end -->", "no table is called 'nothing'")]
    [InlineData("<!-- table: models -->\n<!-- end -->", "no table's name and a device")]
    [InlineData("<!-- table: models cuda -->\n<!-- end -->", "no record of cuda")]
    public void AMistakeSaysWhere(string text, string message) =>
        Assert.Contains(message, Assert.Throws<FormatException>(() => BenchDocument.Rewrite(text, Records)).Message);

    private static string[] Cells(string line) => [.. line.Trim('|').Split('|').Select(cell => cell.Trim())];
}
