using System.Diagnostics;
using System.Text.Json;
using JepaEngine.Jepa.Benchmarking;
using static JepaEngine.PackageTests.JepaProcess;

namespace JepaEngine.PackageTests;

/// <summary><c>jepa compare</c> as a user meets it.</summary>
public sealed class CompareCommandTests : IDisposable
{
    /// <summary>A kernel that needs milliseconds nowhere: the machine that runs tests is busy.</summary>
    private static readonly string[] Grid = ["--op", "Square", "--tokens", "4", "--threads", "1", "--warm", "--threshold", "25"];

    private static readonly BenchRecord Record = new()
    {
        Case = "Relu 16x4096",
        Pass = "forward",
        Device = "cpu",
        DType = "F32",
        Threads = 1,
        Engine = "JepaEngine",
        Cold = true,
        Samples = [.. Enumerable.Range(0, 60).Select(i => 2 + 0.001 * (i * 7 % 10))],
        Rounds = 15,
        Turns = "first",
        Machine = new BenchMachine("a processor", "Avx2", 2, "a system", ".NET", "JepaEngine 0.1.0+abc")
        {
            CpuMegahertz = 2600,
        },
    };

    private readonly string folder = Directory.CreateTempSubdirectory("jepa-compare").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void WhatIsSlowerFailsAndIsShownInEveryForm()
    {
        string before = Write("before", [.. Runs(1), Record with { Case = "Gone" }]), after = Write("after", [.. Runs(1.1), Record with { Case = "New" }]);
        // A damaged line is skipped and counted.
        File.AppendAllText(after, "{\"case\":\n");
        (int code, string text, _) = Run([("LANG", "de_DE.UTF-8")], "compare", before, after);
        Assert.Equal(1, code);
        string row = Assert.Single(text.Split('\n'), line => line.StartsWith("Relu 16x4096 ", StringComparison.Ordinal));
        Assert.Matches("^Relu 16x4096  forward  cpu x1  F32 +2\\.00\\d+ +2\\.20\\d+  1\\.100  slower   10\\.0 %, noise 0\\.\\d % of 3 runs$", row);
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
        string before = Write("before", Runs(1));
        Assert.Contains("1 faster", Works("compare", before, Write("faster", Runs(0.9))));
        Assert.Contains("1 same", Works("compare", before, before));
        Assert.Contains("1 same", Works("compare", before, Write("slower", Runs(1.1)), "--threshold", "15"));
        string elsewhere = Works("compare", before, Write("elsewhere", [.. Runs(2).Select(run => run with { Machine = Record.Machine! with { Cpu = "another" } })]));
        Assert.Contains("ambiguous  another processor: a processor, then another", elsewhere);
        string alone = Works("compare", before, Write("alone", [.. Runs(2).Select(run => run with { Turns = null })]));
        Assert.Contains("  2.000  ambiguous  measured one after the other", alone);
    }

    /// <summary>A terminal of 40 columns: lines are whole, there is no escape sequence in them, and a file holds the same.</summary>
    [Fact]
    public void ANarrowTerminalAndAFileGetTheSameLines()
    {
        string before = Write("before", Runs(1)), after = Write("after", Runs(1.1));
        string expected = Run("compare", before, after).Output;
        Assert.Equal((1, expected), RunAtTerminal("compare", before, after));
        Assert.DoesNotContain(expected, letter => char.IsControl(letter) && letter != '\n');
    }

    /// <summary>Whoever listens no longer is no fault: the verdict stays.</summary>
    [Theory]
    [InlineData(1, 1.1)]
    [InlineData(0, 1.0)]
    public void AClosedPipeDoesNotChangeTheVerdict(int expected, double factor)
    {
        using Process process = Start("compare", Write("before", Runs(1)), Write("after", Runs(factor)));
        process.StandardOutput.Close();
        Assert.Equal("", process.StandardError.ReadToEnd());
        process.WaitForExit();
        Assert.Equal(expected, process.ExitCode);
    }

    [Fact]
    public void ABuildIsNotSlowerThanItself()
    {
        string kept = Path.Combine(folder, "kept");
        string text = Works(["compare", AppContext.BaseDirectory, Path.Combine(AppContext.BaseDirectory, "jepa.dll"), .. Grid, "--out", kept]);
        Assert.Contains(", 0 slower, ", text);
        Assert.Matches("(?m)^Square 4x4096 +forward  cpu x1  F32 ", text);
        // What is kept says the same when it is read again.
        string again = Works("compare", Path.Combine(kept, "before.jsonl"), Path.Combine(kept, "after.jsonl"), "--threshold", "25");
        Assert.Equal(text, again);
    }

    /// <summary>The same build on the same machine, compiled without optimisation: ten times slower and more.</summary>
    [Fact]
    public void ABuildMadeSlowerIsCaught()
    {
        (int code, string text, string error) = Run(["compare", AppContext.BaseDirectory, Script("exec env DOTNET_JITMinOpts=1 dotnet \"$JEPA\" \"$@\""), .. Grid]);
        Assert.True(code == 1, $"exit code {code}: {text}{error}");
        Assert.Matches("(?m)^Square 4x4096 .* slower ", text);
    }

    [Fact]
    public void ABuildThatFailsIsOneLine()
    {
        string here = AppContext.BaseDirectory;
        // A code that has a meaning is passed on; a crash is a bad build, and no verdict.
        Assert.Contains("no operation is called 'Nothing'", Fails(2, "compare", here, here, "--op", "Nothing"));
        Assert.Contains("ended with exit code 134: it is broken", Fails(3, ["compare", here, Script("echo it is broken >&2; exit 134"), .. Grid]));
        Assert.Contains("ended with exit code 1: it gave no reason", Fails(3, ["compare", Script("echo turn of 9; read answer; exit 1"), here, .. Grid]));
        Assert.Contains("holds no jepa.dll", Fails(3, "compare", here, folder));
        Assert.Contains("no such build or results file", Fails(3, "compare", Path.Combine(folder, "nothing"), here));
    }

    [Fact]
    public void AMistakeIsOneLine()
    {
        string before = Write("before", Record);
        Assert.Contains("--threshold is a number", Fails(2, "compare", before, before, "--threshold", "0"));
        Assert.Contains("missing.jsonl", Fails(3, "compare", before, Path.Combine(folder, "missing.jsonl")));
        Assert.Contains("no case in common", Fails(3, "compare", before, Write("other", Record with { Case = "Other" })));
        Assert.Contains("two builds, or two results files", Fails(2, "compare", before, AppContext.BaseDirectory));
        Assert.Contains("--op is for measuring", Fails(2, "compare", before, before, "--op", "Relu"));
    }

    /// <summary>Three runs by turns, in which it takes so many times as long.</summary>
    private static BenchRecord[] Runs(double factor)
    {
        BenchRecord first = Record with { Samples = [.. Record.Samples.Select(sample => factor * sample)] };
        return [first, first with { Turns = "second" }, first with { Turns = "third" }];
    }

    private string Write(string name, params BenchRecord[] records)
    {
        string path = Path.Combine(folder, name + ".jsonl");
        BenchFile.Write(path, records);
        return path;
    }

    /// <summary>A build that is a shell's script; in it $JEPA is the real one.</summary>
    private string Script(string text)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "a script of a POSIX shell");
        string path = Path.Combine(folder, $"{Guid.NewGuid():N}");
        File.WriteAllText(path, $"#!/bin/sh\nJEPA='{Path.Combine(AppContext.BaseDirectory, "jepa.dll")}'\n{text}\n");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return path;
    }
}
