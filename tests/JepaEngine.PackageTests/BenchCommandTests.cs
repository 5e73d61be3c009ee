using System.Diagnostics;
using System.Text.Json;
using JepaEngine.Jepa.Benchmarking;
using static JepaEngine.PackageTests.JepaProcess;

namespace JepaEngine.PackageTests;

/// <summary><c>jepa bench</c> as a user meets it.</summary>
public sealed class BenchCommandTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("jepa-bench").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void AGridIsMeasuredOnceAndShownInEveryForm()
    {
        string lines = Path.Combine(folder, "bench.jsonl"), peer = Path.Combine(folder, "peer.jsonl");
        string text = Works("bench", "--op", "Relu,Ema", "--tokens", "16,32", "--threads", "1,2", "--quick", "--out", lines);
        Assert.Contains("machine ", text);
        // Two sizes and the one whose size is its own, on one thread and on two.
        Assert.Equal(6, File.ReadLines(lines).Count());
        Assert.Equal(["cpu x1", "cpu x2"], text.Split('\n').Where(line => line.StartsWith("Relu 16x4096 ", StringComparison.Ordinal))
            .Select(line => line.Contains("cpu x1", StringComparison.Ordinal) ? "cpu x1" : "cpu x2"));

        // A peer's lines: the ratio shows, a damaged line is counted.
        string[] others = [.. File.ReadLines(lines).Select(line => line.Replace("\"engine\":\"JepaEngine\"", "\"engine\":\"PyTorch\"", StringComparison.Ordinal))];
        File.WriteAllLines(peer, [.. others, "{"]);
        string markdown = Works(
            "bench", "--op", "Relu", "--tokens", "16", "--threads", "1", "--budget", "3", "--md", "--peer", peer);
        Assert.Contains("x PyTorch |", markdown);
        Assert.Contains("1 damaged lines", markdown);

        string json = Works("bench", "--op", "Relu", "--tokens", "16", "--threads", "1", "--quick", "--json");
        JsonElement record = JsonDocument.Parse(Assert.Single(json.Split('\n', StringSplitOptions.RemoveEmptyEntries))).RootElement;
        Assert.Equal("Relu 16x4096", record.GetProperty("case").GetString());
        Assert.True(record.GetProperty("samples").GetArrayLength() >= 3);
        string csv = Works("bench", "--op", "Relu", "--tokens", "16", "--threads", "1", "--budget", "3", "--csv");
        Assert.Equal(2, csv.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
    }

    [Fact]
    public void ARunThatIsKilledLeavesTheRowsItKnew()
    {
        string lines = Path.Combine(folder, "killed.jsonl");
        using (Process process = Start(
            "bench", "--op", "Relu,Silu", "--tokens", "256", "--threads", "1", "--out", lines))
        {
            while (!File.Exists(lines) && !process.HasExited)
                Thread.Sleep(20);
            process.Kill();
            process.WaitForExit();
            Assert.NotEqual(0, process.ExitCode);
        }
        BenchFile known = BenchFile.Read(lines);
        Assert.Equal(0, known.Skipped);
        Assert.NotEmpty(known.Records);
        // Not yet of all rounds, but each whole.
        Assert.All(known.Records, record =>
            Assert.True(record.Rounds is >= 1 and < 15 && record.Samples.Length % record.Rounds == 0));
    }

    [Fact]
    public void ABudgetBoundsARun()
    {
        var clock = Stopwatch.StartNew();
        string json = Works(
            "bench", "--op", "Relu,Silu", "--tokens", "16", "--threads", "1", "--budget", "3", "--json");
        // Each of both rows would take its two seconds and more.
        Assert.InRange(clock.Elapsed.TotalSeconds, 0.5, 20);
        Assert.Equal(2, BenchFile.Parse(json.Split('\n')).Records.Count);
    }

    [Fact]
    public void WhatWasMeasuredIsShownAgain()
    {
        string lines = Path.Combine(folder, "bench.jsonl");
        string text = Works(
            "bench", "--op", "Relu", "--tokens", "16", "--threads", "1", "--budget", "3", "--md", "--out", lines);
        Assert.Equal(text, Works("bench", "--from", lines, "--md"));
        Assert.Contains("--from shows what was measured", Fails(2, "bench", "--from", lines, "--op", "Relu"));
    }

    /// <summary>
    /// As its options say, whichever process measures: the simulator's rows are measured from another one.
    /// </summary>
    [Fact]
    public void ASimulatedRunIsPacedFromHere()
    {
        string lines = Path.Combine(folder, "sim.jsonl");
        (int code, string output, string error) =
            Run("bench", "--device", "sim", "--op", "Gelu", "--tokens", "16", "--out", lines);
        Assert.SkipWhen(code == 4 && error.Contains("to compile kernels"), error);
        Assert.True(code == 0, error);
        Assert.Equal(
            ["Gelu 16x512 forward sim F32", "Gelu 16x512 backward sim F32"],
            BenchFile.Read(lines).Records.Select(record => record.Label));
        Assert.Contains("The simulator's times mean nothing", output);
    }

    [Fact]
    public void ANarrowTerminalGetsWholeLines()
    {
        (int code, string text) = RunAtTerminal("bench", "--op", "Relu", "--tokens", "16", "--threads", "1", "--warm");
        Assert.Equal(0, code);
        Assert.DoesNotContain(text, letter => char.IsControl(letter) && letter != '\n');
        Assert.Matches("(?m)^Relu 16x4096  forward  cpu x1  F32 .* GB/s .* -$", text);
    }

    [Theory]
    [InlineData("no operation is called 'Nothing'", "--op", "Nothing")]
    [InlineData("no model is called 'gpt2'", "--model", "gpt2")]
    [InlineData("--tokens names '0'", "--tokens", "256,0")]
    [InlineData("--dtype names 'f16'", "--dtype", "f16")]
    [InlineData("computes in f32", "--dtype", "bf16")]
    [InlineData("--device names 'gpu'", "--device", "gpu")]
    [InlineData("measure operations", "--device", "sim", "--model", "lewm-plan")]
    public void AMistakeIsOneLine(string message, params string[] options) => Assert.Contains(message, Fails(2, ["bench", .. options]));

    [Fact]
    public void APeersFileThatIsNotThereIsToldAtOnce() => Assert.Contains("missing.jsonl", Fails(3, "bench", "--peer", Path.Combine(folder, "missing.jsonl")));
}
