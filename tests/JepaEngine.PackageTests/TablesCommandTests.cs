using JepaEngine.Jepa.Benchmarking;
using static JepaEngine.PackageTests.JepaProcess;

namespace JepaEngine.PackageTests;

/// <summary><c>jepa bench tables</c> as a user meets it.</summary>
public sealed class TablesCommandTests : IDisposable
{
    private readonly string root = Directory.CreateTempSubdirectory("jepa-tables").FullName;

    private string Results => Path.Combine(root, "benchmarks", "results");

    public TablesCommandTests()
    {
        Directory.CreateDirectory(Results);
        Directory.CreateDirectory(Path.Combine(root, "docs"));
        File.WriteAllText(Path.Combine(root, "README.md"), "no table\n");
        File.WriteAllText(Path.Combine(root, "docs", "benchmarks.md"), "no table\n");
        File.WriteAllText(Hardware, "<!-- table: hardware cuda -->\nold\n<!-- end -->\n");
    }

    private string Hardware => Path.Combine(root, "docs", "hardware.md");

    public void Dispose() => Directory.Delete(root, recursive: true);

    [Fact]
    public void AProofBecomesARow()
    {
        Assert.Contains("hardware.md has new tables", Works("bench", "tables", "--root", root));
        Assert.Contains("\n\nNothing has run on a GPU yet.\n\n", File.ReadAllText(Hardware));
        Assert.Contains("hardware.md is as it was", Works("bench", "tables", "--root", root));

        var machine = new BenchMachine("a processor", "Avx2", 2, "a system", ".NET", "JepaEngine 0.1.0+abc")
        {
            Gpu = "H100, sm_90, 132 multiprocessors, 79 GiB", Driver = "580.95", Compiler = "NVRTC 13.0",
        };
        var proof = new ProofRecord
        {
            Case = "Add", Device = "cuda:0", DType = "F32", Tensors = 3,
            Machine = machine, Utc = "2026-12-01T10:00:00Z",
        };
        ProofRecord.Write(Path.Combine(Results, "2026-12-01-h100-proof.jsonl"), [proof]);
        string text = Works("bench", "tables", "--root", root);
        Assert.Contains("hardware.md has new tables", text);
        Assert.Contains("README.md is as it was", text);
        Assert.Contains($"| 2026-12-01 | {machine.Gpu} | 580.95 | NVRTC 13.0 | ", File.ReadAllText(Hardware));
    }

    [Fact]
    public void ADamagedProofIsABadInput()
    {
        File.WriteAllText(Path.Combine(Results, "2026-12-01-h100-proof.jsonl"), "{\n");
        string fault = Fails(3, "bench", "tables", "--root", root);
        Assert.Contains("2026-12-01-h100-proof.jsonl: line 1 is no line of a proof", fault);
        Assert.Contains("old", File.ReadAllText(Hardware));
    }
}
