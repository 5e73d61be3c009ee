using System.Text.Json;
using JepaEngine.Jepa.Benchmarking;
using static JepaEngine.PackageTests.JepaProcess;

namespace JepaEngine.PackageTests;

/// <summary><c>jepa compare</c> as a user meets it.</summary>
public sealed class CompareCommandTests : IDisposable
{
    private static readonly BenchRecord Record = new()
    {
        Case = "Relu 16x4096",
        Pass = "forward",
        Device = "cpu",
        DType = "F32",
        Threads = 1,
        Engine = "JepaEngine",
        Cold = true,
        Samples = [.. Enumerable.Range(0, 50).Select(i => 2 + 0.001 * (i * 7 % 10))],
        Machine = new BenchMachine("a processor", "Avx2", 2, 2600, "a system", ".NET", "JepaEngine 0.1.0+abc"),
    };

    private readonly string folder = Directory.CreateTempSubdirectory("jepa-compare").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void WhatIsSlowerFailsAndIsShownInEveryForm()
    {
        string before = Write("before", Record, Record with { Case = "Gone" }), after = Write("after", Times(1.1), Record with { Case = "New" });
        // A damaged line is skipped and counted.
        File.AppendAllText(after, "{\"case\":\n");
        (int code, string text, _) = Run([("LANG", "de_DE.UTF-8")], "compare", before, after);
        Assert.Equal(1, code);
        string row = Assert.Single(text.Split('\n'), line => line.StartsWith("Relu 16x4096 ", StringComparison.Ordinal));
        Assert.Matches("^Relu 16x4096  forward  cpu x1  F32 +2\\.00\\d+ +2\\.20\\d+  1\\.100  slower   10\\.0 %, noise 0\\.\\d %$", row);
        Assert.Contains("only before: Gone forward cpu x1 F32\nonly after: New forward cpu x1 F32\n0 same, 0 faster, 1 slower, 0 ambiguous.\n1 damaged lines", text);

        Assert.Contains("| Relu 16x4096 | forward | cpu x1 | F32 ", Run("compare", before, after, "--md").Output);
        JsonElement[] lines = [.. Run("compare", before, after, "--json").Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => JsonDocument.Parse(line).RootElement)];
        Assert.Equal("slower", lines[0].GetProperty("verdict").GetString());
        Assert.Equal(("before", "after"), (lines[1].GetProperty("only").GetString(), lines[2].GetProperty("only").GetString()));
        Assert.Equal((1, 1), (lines[3].GetProperty("slower").GetInt32(), lines[3].GetProperty("skipped").GetInt32()));
    }

    [Fact]
    public void OnlySlowerFails()
    {
        string before = Write("before", Record);
        Assert.Contains("1 faster", Works("compare", before, Write("faster", Times(0.9))));
        Assert.Contains("1 same", Works("compare", before, before));
        Assert.Contains("1 same", Works("compare", before, Write("slower", Times(1.1)), "--threshold", "15"));
        string elsewhere = Works("compare", before, Write("elsewhere", Times(2) with { Machine = Record.Machine! with { Cpu = "another" } }));
        Assert.Contains("ambiguous  another processor: a processor, then another", elsewhere);
    }

    [Fact]
    public void AMistakeIsOneLine()
    {
        string before = Write("before", Record);
        Assert.Contains("--threshold is a number", Fails(2, "compare", before, before, "--threshold", "0"));
        Assert.Contains("missing.jsonl", Fails(3, "compare", before, Path.Combine(folder, "missing.jsonl")));
        Assert.Contains("no case in common", Fails(3, "compare", before, Write("other", Record with { Case = "Other" })));
    }

    private static BenchRecord Times(double factor) => Record with { Samples = [.. Record.Samples.Select(sample => factor * sample)] };

    private string Write(string name, params BenchRecord[] records)
    {
        string path = Path.Combine(folder, name + ".jsonl");
        BenchFile.Write(path, records);
        return path;
    }
}
