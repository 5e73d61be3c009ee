using System.Text.Json;
using JepaEngine.Jepa.Benchmarking;
using static JepaEngine.PackageTests.JepaProcess;

namespace JepaEngine.PackageTests;

/// <summary><c>jepa bench history</c> as a user meets it.</summary>
public sealed class HistoryCommandTests : IDisposable
{
    private static readonly BenchRecord Record = new()
    {
        Case = "Add 16x16", Pass = "forward", Device = "cpu", DType = "F32", Threads = 1, Engine = "JepaEngine", Samples = [1, 1.1, 0.9], Utc = "2026-11-20T10:00:00Z",
        Machine = new BenchMachine("a processor", "Avx2", 2, "a system", ".NET", "JepaEngine 0.1.0+abc"),
    };

    private readonly string folder = Directory.CreateTempSubdirectory("jepa-history").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void EveryCaseIsDrawnAndDamagedLinesAreCounted()
    {
        File.WriteAllLines(Path.Combine(folder, "a.jsonl"), [Record.ToJson(), "{"]);
        File.WriteAllLines(Path.Combine(folder, "b.jsonl"), [(Record with { Utc = "2026-11-21T10:00:00Z" }).ToJson(), (Record with { Case = "Mean 8" }).ToJson()]);
        string pictures = Path.Combine(folder, "pictures"), text = Works("bench", "history", "--results", folder, "--out", pictures);
        Assert.Contains("2 pictures", text);
        Assert.Contains("1 damaged lines were skipped.", text);
        Assert.Contains("</svg>", File.ReadAllText(Path.Combine(pictures, "add-16x16-forward-a-processor-2-cores.svg")));
        string line = Assert.Single(Works("bench", "history", "--results", folder, "--out", pictures, "--case", "add", "--json").Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal(2, JsonDocument.Parse(line).RootElement.GetProperty("runs").GetInt32());
    }

    [Fact]
    public void AFolderWithoutTheCaseIsABadInput()
    {
        File.WriteAllText(Path.Combine(folder, "a.jsonl"), "{\n");
        Assert.Contains("no record that was asked for (1 damaged lines)", Fails(3, "bench", "history", "--results", folder));
        Assert.Contains("missing", Fails(3, "bench", "history", "--results", Path.Combine(folder, "missing")));
    }
}
