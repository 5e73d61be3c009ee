using JepaEngine.Jepa.Benchmarking;

namespace JepaEngine.Tests.Benchmarking;

public sealed class BenchFileTests : IDisposable
{
    private readonly TemporaryFile file = new();

    internal static BenchRecord Sample { get; } = new()
    {
        Case = "Linear gelu 256x4096x1024",
        Pass = "forward",
        Device = "cpu",
        DType = "F32",
        Threads = 2,
        Engine = "JepaEngine",
        Cold = true,
        Samples = [10, 12, 11, 10.5, 11.5],
        Flops = 2.2e9,
        Bytes = 1e7,
        PeakGflops = 400,
        PeakOf = "FMA in registers",
        PeakGigabytes = 20,
        Allocated = 1312,
        Machine = new BenchMachine("a processor", "Avx2", 2, "a system", ".NET", "JepaEngine 0.1.0+abc")
        {
            CpuMegahertz = 2600,
        },
    };

    public void Dispose() => file.Dispose();

    [Fact]
    public void ALineHoldsEverySampleAndComesBack()
    {
        BenchFile.Write(file.Path, [Sample, Sample with { Pass = "backward" }]);
        BenchFile read = BenchFile.Read(file.Path);
        Assert.Equal((2, 0), (read.Records.Count, read.Skipped));
        Assert.Equal(Sample.Samples, read.Records[0].Samples);
        Assert.Equal(Sample with { Samples = [], References = [] }, read.Records[0] with { Samples = Sample.Samples[..0], References = [] }, Same);
        string line = File.ReadLines(file.Path).First();
        Assert.Contains("\"dtype\":\"F32\"", line);
        Assert.Contains("\"p50\":11,", line);
        Assert.Contains("0.1.0+abc", line);

        static bool Same(BenchRecord a, BenchRecord b) => a with { Samples = b.Samples, References = b.References } == b;
    }

    [Theory]
    [InlineData("{\"case\":\"LayerNorm 2x2\",\"pass\":\"forw")]
    [InlineData("not JSON")]
    [InlineData("[1,2]")]
    [InlineData("null")]
    [InlineData("{\"case\":\"LayerNorm 2x2\"}")]
    [InlineData("{\"case\":\"x\",\"pass\":\"forward\",\"device\":\"cpu\",\"dtype\":\"F32\",\"engine\":\"e\",\"samples\":[]}")]
    [InlineData("{\"case\":\"x\",\"pass\":\"forward\",\"device\":\"cpu\",\"dtype\":\"F32\",\"engine\":\"e\",\"samples\":[-1]}")]
    [InlineData("{\"case\":\"x\",\"pass\":\"forward\",\"device\":\"cpu\",\"dtype\":\"F32\",\"engine\":\"e\",\"samples\":null}")]
    public void ADamagedLineIsSkippedAndCounted(string line)
    {
        File.WriteAllLines(file.Path, [line, "", Sample.ToJson(), line]);
        BenchFile read = BenchFile.Read(file.Path);
        Assert.Equal((1, 2), (read.Records.Count, read.Skipped));
    }

    [Fact]
    public void AReferenceDidTheSameWorkOnTheSameKindOfDevice()
    {
        BenchRecord peer = Sample with { Engine = "PyTorch", Samples = [22] };
        var read = new BenchFile(
            [peer, peer with { Threads = 1 }, peer with { DType = "BF16" }, peer with { Device = "cuda:0" }, peer with { Pass = "backward" }, Sample], 0);
        Assert.Equal([new BenchReference("PyTorch", 22)], read.For(Sample));
    }
}
