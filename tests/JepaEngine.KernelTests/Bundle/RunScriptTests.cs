using System.Diagnostics;
using System.Text.Json;

namespace JepaEngine.KernelTests;

/// <summary>The bundle's script, around a command that stands in for <c>jepa</c>: what it runs, records and survives.</summary>
public sealed class RunScriptTests : IDisposable
{
    // Parity finds one tensor of two wrong; on the bf16 tier the command fails outright; all else works.
    private const string Command = """
        #!/usr/bin/env bash
        echo "$*" >>"$(dirname "$0")/calls"
        case "$*" in
            parity*bf16*) echo "jepa: the device is lost" >&2; exit 4 ;;
            parity*) echo '{"badIndex":17}'; echo '{"badIndex":null}'; exit 1 ;;
            bench*) echo "| case |"; exit 0 ;;
            *) echo "a fact"; exit 0 ;;
        esac
        """;

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void AFailedStepIsRecordedAndTheNextOnesRun()
    {
        (int code, string output) = Run("doctor", "parity", "ops", "models");
        Assert.Equal(1, code);
        Assert.Equal([("doctor", 0), ("parity-cuda-0", 1), ("parity-cuda-0-bf16", 4), ("bench-ops", 0), ("bench-models", 0)], Steps());
        Assert.Contains("2 tensors checked, 1 disagree", output);
        Assert.Contains("failed with 4", output);
        Assert.Contains("the device is lost", output);
        string summary = Read("out/summary.md");
        Assert.Contains("| parity-cuda-0-bf16 | failed with 4 |", summary);
        Assert.Contains("| doctor | ok |", summary);
        Assert.Contains("a fact", summary);
        string calls = Read("calls");
        Assert.Contains("bench --device cuda:0 --dtype f32,bf16 --out ", calls);
        Assert.Contains("--model ijepa-vith,", calls);
    }

    [Fact]
    public void AnUnknownStepIsRefused()
    {
        (int code, string output) = Run("everything");
        Assert.Equal(2, code);
        Assert.Contains("there is no step 'everything'", output);
    }

    [Fact]
    public void WhatTheScriptRunsIsInTheBundle()
    {
        string script = File.ReadAllText(Path.Combine(Root, "benchmarks", "gpu", "run.sh"));
        foreach (string peer in (string[])["peer_ops", "peer_models", "peer_lewm"])
        {
            Assert.Contains(peer, script);
            Assert.True(File.Exists(Path.Combine(Root, "benchmarks", "peers", peer + ".py")), peer);
        }
        string project = File.ReadAllText(Path.Combine(Root, "src", "JepaEngine.Cli", "JepaEngine.Cli.csproj"));
        Assert.Contains("benchmarks/gpu/run.sh", project);
        Assert.Contains("benchmarks/peers/*.py", project);
        Assert.Contains("-p:GpuBundle=true", File.ReadAllText(Path.Combine(Root, "build.ps1")));
    }

    private static string Root { get; } = FindRoot();

    private static string FindRoot()
    {
        DirectoryInfo? at = new(AppContext.BaseDirectory);
        while (at is not null && !File.Exists(Path.Combine(at.FullName, "JepaEngine.sln")))
            at = at.Parent;
        return at!.FullName;
    }

    private string Read(string name) => File.ReadAllText(Path.Combine(folder.Path, name));

    private (string, int)[] Steps() => [.. File.ReadLines(Path.Combine(folder.Path, "out", "steps.jsonl")).Select(line =>
    {
        JsonElement step = JsonDocument.Parse(line).RootElement;
        return (step.GetProperty("step").GetString()!, step.GetProperty("exit").GetInt32());
    })];

    private (int Code, string Output) Run(params string[] steps)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the bundle is for Linux");
        string script = Path.Combine(folder.Path, "run.sh"), command = Path.Combine(folder.Path, "jepa");
        File.Copy(Path.Combine(Root, "benchmarks", "gpu", "run.sh"), script);
        File.WriteAllText(command, Command);
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(command, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var start = new ProcessStartInfo("bash", [script, Path.Combine(folder.Path, "out"), .. steps])
        {
            RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false,
        };
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + error.Result);
    }
}
