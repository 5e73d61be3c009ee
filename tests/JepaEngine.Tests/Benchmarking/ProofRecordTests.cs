using JepaEngine.IO;
using JepaEngine.Jepa.Benchmarking;

namespace JepaEngine.Tests.Benchmarking;

public sealed class ProofRecordTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("jepa-proof").FullName;

    internal static ProofRecord Sample { get; } = new()
    {
        Case = "Attention",
        Device = "cuda:0",
        DType = "BF16",
        Tensors = 24,
        Disagree = 3,
        Share = 4.5,
        Seconds = 1.25,
        Machine = BenchFileTests.Sample.Machine! with
        {
            Gpu = "a GPU, sm_90, 132 multiprocessors, 79 GiB", Driver = "580.95", Compiler = "NVRTC 13.0",
            GpuClocks = "1980/2619",
        },
        Utc = "2026-12-01T10:00:00Z",
    };

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void ALineHoldsAllOfItAndComesBack()
    {
        ProofRecord lost = Sample with
        {
            Case = "MatMul tiles", Large = true, Tensors = 0, Disagree = 0, Share = null,
            Fault = "lost\nits \"context\"",
        };
        ProofRecord.Write(Path.Combine(folder, "b-proof.jsonl"), [Sample, lost]);
        ProofRecord.Write(Path.Combine(folder, "a-proof.jsonl"), [Sample with { Case = "Add" }]);
        // What was measured lies beside it.
        File.WriteAllText(Path.Combine(folder, "b-bench.jsonl"), "no proof");
        Assert.Equal([Sample with { Case = "Add" }, Sample, lost], ProofRecord.ReadFolder(folder));
        string line = File.ReadLines(Path.Combine(folder, "b-proof.jsonl")).First();
        Assert.Contains("\"dtype\":\"BF16\"", line);
        Assert.DoesNotContain("passed", line, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData(24, 0, null, true)]
    [InlineData(24, 1, null, false)]
    [InlineData(24, 0, "its process ended by signal 11", false)]
    [InlineData(0, 0, null, false)]
    public void OnlyTensorsThatAllAgreePass(int tensors, int disagree, string? fault, bool passed) =>
        Assert.Equal(passed, (Sample with { Tensors = tensors, Disagree = disagree, Fault = fault }).Passed);

    [Theory]
    [InlineData("{\"case\":\"Add\",\"dev")]
    [InlineData("{\"case\":\"Add\"}")]
    [InlineData("null")]
    [InlineData("[1,2]")]
    public void ADamagedLineIsNamedByFileAndNumber(string line)
    {
        string path = Path.Combine(folder, "2026-12-01-h100-proof.jsonl");
        File.WriteAllLines(path, [Sample.ToJson(), "", line]);
        BadFileException fault = Assert.Throws<BadFileException>(() => ProofRecord.ReadFolder(folder));
        Assert.StartsWith($"{path}: line 3 is no line of a proof: ", fault.Message);
    }
}
