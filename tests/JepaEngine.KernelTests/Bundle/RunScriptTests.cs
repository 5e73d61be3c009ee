using System.Diagnostics;
using System.Formats.Tar;
using System.IO.Compression;

namespace JepaEngine.KernelTests;

/// <summary>
/// The bundle's script around a command that stands in for <c>jepa</c>: what it runs, bounds, records and survives.
/// </summary>
public sealed class RunScriptTests : IDisposable
{
    // As jepa does: a table and, at its end, what failed.
    private const string Works = """
        #!/usr/bin/env bash
        echo "$* [${JEPA_NVRTC:-}]" >>"$CALLS"
        case "$*" in
            doctor) echo "processor  a processor"; echo "CUDA       driver of CUDA 13.0"; echo "cuda:0     a GPU" ;;
            parity*) echo "210 tensors agree." ;;
            *) echo "done" ;;
        esac
        for last; do :; done
        while [ $# -gt 1 ]; do [ "$1" = --out ] && echo '{}' >"$2"; shift; done
        exit 0
        """;

    private static readonly string[] ProveSteps =
        ["doctor", "nvidia-smi", "smoke", "kernels", "parity-bf16", "parity-f32", "large-bf16", "large-f32", "demo"];

    private readonly TemporaryFolder folder = new();

    public RunScriptTests()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the bundle is for Linux");
        folder.Write("bundle/run.sh", File.ReadAllText(Path.Combine(Root, "benchmarks", "gpu", "run.sh")));
        Directory.CreateDirectory(Path.Combine(folder.Path, "tools"));
        folder.Write("bundle/kernels/resources.txt", "");
        Tool("nvidia-smi", "echo a GPU");
    }

    public void Dispose()
    {
        if (!OperatingSystem.IsWindows())
            Process.Start("chmod", ["-R", "u+w", folder.Path]).WaitForExit();
        folder.Dispose();
    }

    [Fact]
    public void ProveRunsItsStepsMostValuableFirst()
    {
        Command("jepa", Works);
        (int code, string output) = Run("prove");
        Assert.Equal(0, code);
        Assert.Equal(ProveSteps, Steps("prove").Select(step => step.Name).Where(name => name != "sanitizer"));
        Assert.All(Steps("prove").Where(step => step.Name != "sanitizer"), step => Assert.Equal("ok", step.Result));
        string[] calls = Calls();
        Assert.StartsWith("parity --device cuda:0:bf16 --op MatMul ", calls[1]);
        Assert.StartsWith("kernels --compile --jobs 3 --table ", calls[2]);
        Assert.StartsWith("parity --device cuda:0:bf16 --jobs 3 --limit 40 --out ", calls[3]);
        Assert.StartsWith("parity --device cuda:0 --jobs 3 ", calls[4]);
        Assert.StartsWith("parity --large --device cuda:0:bf16 ", calls[5]);
        Assert.StartsWith("parity --large --device cuda:0 --jobs 2 ", calls[6]);
        Assert.StartsWith("demo --device cuda:0:bf16 --steps 200 --episodes 50 ", calls[7]);
        Assert.Contains("cuda:0     a GPU", output);
        Assert.Equal(["prove-summary.md", "prove.tgz"], Written());
        var files = new HashSet<string>
        {
            "steps.tsv", "doctor.txt", "kernels.txt", "bf16-proof.jsonl", "large-f32-proof.jsonl",
        };
        Assert.Superset(files, Archive("prove").Keys.ToHashSet());
    }

    [Fact]
    public void TheSanitizerRunsEightOperationsWithTwoTools()
    {
        Command("jepa", Works);
        Tool("compute-sanitizer", "shift; tool=$1; shift 5; [ $tool = racecheck ] && [[ $* = *SigReg* ]] && "
            + "{ echo 'a race in sigreg.cu:40'; exit 9; }; exec \"$@\"");
        (int code, string output) = Run("prove");
        Assert.Equal(1, code);
        (string Name, string Result)[] rows =
            [.. Steps("prove").Where(step => step.Name.Contains("check-", StringComparison.Ordinal))];
        Assert.Equal(16, rows.Length);
        Assert.Equal(("racecheck-SigReg", "failed with 9"), Assert.Single(rows, row => row.Result != "ok"));
        Assert.Contains("**racecheck-SigReg** failed with 9", output);
    }

    [Fact]
    public void MeasureBenchesAloneAndSetsPeersAndCountersBeside()
    {
        Command("jepa", Works);
        Tool("python3", "[ \"$1\" = -c ] || { while [ $# -gt 1 ]; do "
            + "[ \"$1\" = --out ] && echo '{\"peer\":1}' >\"$2\"; shift; done; }; exit 0");
        Tool("ncu", "echo sectors; while [ \"$1\" != --launch-count ]; do shift; done; shift 2; exec \"$@\"");
        (int code, _) = Run("measure");
        Assert.Equal(0, code);
        string[] expected =
        [
            "doctor", "ops", "models", "peer_models", "peer_ops", "peer_lewm", "ncu-gemm_nt_128x256",
            "ncu-attention_forward",
            "ncu-attention_grad_keys", "ncu-layer_norm_grad_1024", "f32", "table",
        ];
        Assert.Equal(expected, Steps("measure").Select(step => step.Name));
        string[] calls = Calls();
        Assert.Contains("--quick --tokens 2048,16384", calls[1]);
        Assert.Contains("--model vjepa2-vitl-64,vjepa2-vitl-16,ijepa-vith,lewm-train,lewm-plan,demo-plan", calls[2]);
        Assert.Contains("bench --from ", calls[^1]);
        Assert.Contains("--peer ", calls[^1]);
        Assert.Equal(["measure-summary.md", "measure.tgz"], Written());
    }

    [Fact]
    public void WithoutPythonThePeersRowSaysSo()
    {
        Command("jepa", Works);
        Tool("python3", "exit 127");
        File.Delete(Path.Combine(folder.Path, "tools", "python3"));
        (int code, _) = Run("measure");
        Assert.Equal(0, code);
        Assert.Contains(("peers", "skipped: there is no python3"), Steps("measure"));
        Assert.Contains(("ncu", "skipped: there is no ncu"), Steps("measure"));
        Assert.Contains(("f32", "ok"), Steps("measure"));
    }

    [Fact]
    public void APythonThatHangsIsNotWaitedFor()
    {
        Command("jepa", Works);
        Tool("python3", "exec sleep 1000");
        var clock = Stopwatch.StartNew();
        (int code, _) = Run("measure");
        Assert.Equal(0, code);
        Assert.InRange(clock.Elapsed.TotalSeconds, 15, 60);
        Assert.Contains(("peers", "skipped: python3 has no torch"), Steps("measure"));
    }

    /// <summary>What a compiler has no part in: another one would only hide it.</summary>
    [Fact]
    public void WrongNumbersDoNotChangeTheCompiler()
    {
        const string Disagrees = "parity*MatMul*) echo '1 of 210 tensors do not agree.'; exit 1 ;;\n    parity*)";
        Command("jepa", Works.Replace("parity*)", Disagrees, StringComparison.Ordinal));
        Directory.CreateDirectory(Path.Combine(folder.Path, "bundle", "nvrtc"));
        (int code, _) = Run("prove");
        Assert.Equal(1, code);
        Assert.DoesNotContain(Steps("prove"), step => step.Name == "smoke-bundled-nvrtc");
        Assert.EndsWith("[]", Calls()[^1]);
    }

    [Fact]
    public void AMachineWithoutACompilerTakesTheBundles()
    {
        const string None = "echo 'NVRTC      no NVRTC was found'";
        Command("jepa", Works.Replace("echo \"cuda:0     a GPU\"", None, StringComparison.Ordinal));
        Directory.CreateDirectory(Path.Combine(folder.Path, "bundle", "nvrtc"));
        (int code, string output) = Run("measure");
        Assert.Equal(0, code);
        Assert.EndsWith("[]", Calls()[0]);
        Assert.All(Calls()[1..], call => Assert.EndsWith("bundle/nvrtc]", call));
        Assert.Contains("Compiled by the bundle's own NVRTC", output);
    }

    /// <summary>A crash leaves no child, and its reason is found among bytes that are no text.</summary>
    [Fact]
    public void ACrashCostsItsRowAndItsChildrenGoWithIt()
    {
        const string Crashes = "kernels*) sleep 1000 & echo $! >>\"$CALLS.child\"; head -c 5000 /dev/urandom; "
            + "printf '\\0\\377jepa: the true reason\\n' >&2; kill -SEGV $$ ;;\n    parity*)";
        Command("jepa", Works.Replace("parity*)", Crashes, StringComparison.Ordinal));
        (int code, string output) = Run("prove");
        Assert.Equal(1, code);
        Assert.Contains(("kernels", "failed with 139"), Steps("prove"));
        Assert.Contains(("parity-bf16", "ok"), Steps("prove"));
        Assert.Contains("jepa: the true reason", output);
        Assert.All(File.ReadAllLines(Path.Combine(folder.Path, "calls.child")),
            child => Assert.False(Runs(child), $"{child} still runs"));
    }

    [Fact]
    public void WhereThisMachinesCompilerFailsTheBundlesTakesOver()
    {
        Command("jepa", Works.Replace("parity*)",
            "parity*) [ -n \"${JEPA_NVRTC:-}\" ] || { echo 'jepa: nvrtc refuses' >&2; exit 4; };",
            StringComparison.Ordinal));
        Directory.CreateDirectory(Path.Combine(folder.Path, "bundle", "nvrtc"));
        (int code, string output) = Run("prove");
        Assert.Equal(1, code);
        (string Name, string Result)[] steps = Steps("prove");
        Assert.Equal([("smoke", "failed with 4"), ("smoke-bundled-nvrtc", "ok")], steps[2..4]);
        Assert.All(steps[4..].Where(step => step.Name != "sanitizer"), step => Assert.Equal("ok", step.Result));
        Assert.Contains("nvrtc refuses", output);
        Assert.Contains("Compiled by the bundle's own NVRTC", output);
        // And in the second command.
        Run("measure");
        Assert.EndsWith("bundle/nvrtc]", Calls()[^1]);
    }

    [Fact]
    public void AFailedCheckIsNamedAndTheNextStepsRun()
    {
        Command("jepa", Works.Replace("parity*)",
            "parity*bf16*jobs*) echo '1 of 210 tensors do not agree.'; "
            + "echo 'Gelu: gave no answer within 40 s'; exit 1 ;;\n    parity*)",
            StringComparison.Ordinal));
        (int code, string output) = Run("prove");
        Assert.Equal(1, code);
        Assert.Contains(("parity-bf16", "failed with 1"), Steps("prove"));
        Assert.Contains(("parity-f32", "ok"), Steps("prove"));
        string summary = File.ReadAllText(Path.Combine(folder.Path, "out", "prove-summary.md"));
        Assert.Contains("1 of 210 tensors do not agree.\nGelu: gave no answer within 40 s", summary);
        Assert.Contains("| parity-bf16 | failed with 1 |", output);
    }

    [Fact]
    public void WhatHangsIsEndedWithAllThatItStartedAndTheBudgetHolds()
    {
        // Hears no SIGTERM, and has a child.
        Command("jepa", Works.Replace("parity*)",
            "kernels*) trap '' TERM; sleep 1000 & echo $! >>\"$CALLS.child\"; "
            + "while :; do sleep 1; done ;;\n    parity*)",
            StringComparison.Ordinal));
        var clock = Stopwatch.StartNew();
        (int code, string output) = Run("prove", ("BUDGET", "24"));
        Assert.Equal(1, code);
        Assert.InRange(clock.Elapsed.TotalSeconds, 10, 24);
        Assert.Contains(Steps("prove"), step =>
            step.Name == "kernels" && step.Result.StartsWith("stopped after ", StringComparison.Ordinal));
        Assert.Contains(("parity-bf16", "skipped: no time was left"), Steps("prove"));
        Assert.Contains("**kernels** stopped after", output);
        Assert.All(File.ReadAllLines(Path.Combine(folder.Path, "calls.child")), child =>
            Assert.False(Runs(child), $"{child} still runs"));
    }

    [Theory]
    [InlineData("TERM", 143)]
    [InlineData("INT", 130)]
    public async Task ARunThatIsStoppedKeepsEveryFinishedStep(string signal, int expected)
    {
        Command("jepa", Works.Replace("parity*)",
            "parity*bf16*jobs*) sleep 1000 ;;\n    parity*)", StringComparison.Ordinal));
        using Process process = Start("prove", []);
        Task<string> output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        while (!File.Exists(Path.Combine(folder.Path, "calls")) || Calls().Length < 4)
            await Task.Delay(50, TestContext.Current.CancellationToken);
        // A terminal's Ctrl-C reaches the shell and the command it waits for. Sent to the shell alone it can be lost, where
        // that command ends meanwhile of itself; so it is sent as people do, until the shell ends.
        for (int tries = 0; !process.HasExited && tries < 10; tries++)
        {
            using (Process kill = Process.Start("kill", [$"-{signal}", $"{process.Id}"]))
                await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
            process.WaitForExit(2000);
        }
        Assert.True(process.HasExited, $"it hears no {signal}");
        Assert.Equal(expected, process.ExitCode);
        await output;
        Assert.Equal(
            [
                ("doctor", "ok"),
                ("nvidia-smi", "ok"),
                ("smoke", "ok"),
                ("kernels", "ok"),
                ("parity-bf16", "stopped with the run"),
            ],
            Steps("prove"));
        Assert.Equal("done\n", Archive("prove")["kernels.txt"]);
    }

    [Fact]
    public void ALogThatFloodsIsClippedToItsEnds()
    {
        Command("jepa", Works.Replace("doctor)",
            "kernels*) echo first; head -c 30000000 /dev/urandom | base64; echo last ;;\n    doctor)",
            StringComparison.Ordinal));
        Run("prove");
        string log = Archive("prove")["kernels.txt"];
        Assert.InRange(log.Length, 1000, 500_000);
        Assert.StartsWith("first\n", log);
        Assert.EndsWith("last\n", log);
        Assert.InRange(new FileInfo(Path.Combine(folder.Path, "out", "prove.tgz")).Length, 1, 16_000_000);
    }

    [Fact]
    public void AStepThatFloodsBesideOthersKeepsNoneOfThemFromTheArchive()
    {
        const string Floods =
            "parity*large*cuda:0\\ --jobs*) head -c 100000000 /dev/urandom; sleep 1000 ;;\n    parity*)";
        Command("jepa", Works.Replace("parity*)", Floods, StringComparison.Ordinal));
        Tool("compute-sanitizer", "exit 0");
        var clock = Stopwatch.StartNew();
        (int code, _) = Run("prove", ("BUDGET", "30"));
        Assert.Equal(1, code);
        Assert.InRange(clock.Elapsed.TotalSeconds, 10, 30);
        Assert.InRange(new FileInfo(Path.Combine(folder.Path, "out", "prove.tgz")).Length, 1, 1_000_000);
        Assert.Equal(16, Steps("prove")
            .Count(step => step.Name.Contains("check-", StringComparison.Ordinal) && step.Result == "ok"));
    }

    [Fact]
    public void WithoutTarTheExitCodeSaysThatNothingCameHome()
    {
        Command("jepa", Works);
        Tool("tar", "exit 1");
        (int code, string output) = Run("prove");
        Assert.Equal(3, code);
        Assert.Contains("run.sh: not all could be written to ", output);
        Assert.Contains("| demo | ok |", output);
    }

    [Fact]
    public void ABudgetForNothingLeavesAnArchiveThatSaysSo()
    {
        Command("jepa", Works);
        (int code, _) = Run("prove", ("BUDGET", "5"));
        Assert.Equal(1, code);
        Assert.Contains(("doctor", "skipped: no time was left"), Steps("prove"));
    }

    [Theory]
    [InlineData("BUDGET", "abc")]
    [InlineData("JOBS", "08")]
    [InlineData("LIMIT", "0")]
    public void AVariableThatIsNoNumberIsAMistake(string name, string value)
    {
        using Process process = Start("prove", [(name, value)]);
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(2, process.ExitCode);
        Assert.Equal("run.sh: JOBS, LIMIT and BUDGET are numbers from 1\n", error);
    }

    [Fact]
    public void ResultsDoNotLieAmongTheLogsNorTwoRunsInOnePlace()
    {
        string kept = folder.Write("work/prove/data.txt", "mine");
        using (Process inside = StartScript(["prove", Path.Combine(folder.Path, "work", "prove")], []))
        {
            Assert.Contains("name another folder", inside.StandardError.ReadToEnd());
            inside.WaitForExit();
            Assert.Equal(3, inside.ExitCode);
        }
        Assert.Equal("mine", File.ReadAllText(kept));
        Assert.SkipUnless(File.Exists("/usr/bin/flock"), "flock, of util-linux, keeps two runs apart");
        Command("jepa", Works.Replace("doctor)", "doctor) sleep 5 ;;\n    nothing)", StringComparison.Ordinal));
        using Process first = Start("prove", [("OPS", "Gelu")]);
        while (!File.Exists(Path.Combine(folder.Path, "calls")))
            Thread.Sleep(50);
        using (Process second = Start("prove", []))
        {
            Assert.Contains("another run uses ", second.StandardError.ReadToEnd());
            second.WaitForExit();
            Assert.Equal(3, second.ExitCode);
        }
        first.StandardOutput.ReadToEnd();
        first.WaitForExit();
        Assert.Equal(0, first.ExitCode);
    }

    [Fact]
    public void ABundleThatIsReadOnlyAndLostItsModeBitsRuns()
    {
        Command("jepa", Works);
        Process.Start("chmod", ["-R", "a-wx,a+X", Path.Combine(folder.Path, "bundle")]).WaitForExit();
        (int code, _) = Run("prove");
        Assert.Equal(0, code);
        Assert.All(Steps("prove").Where(step => step.Name != "sanitizer"), step => Assert.Equal("ok", step.Result));
    }

    [Theory]
    [InlineData(2, "usage: run.sh prove|measure OUT", "everything", "out")]
    [InlineData(2, "usage: run.sh prove|measure OUT", "prove")]
    [InlineData(3, "cannot be written", "prove", "/proc/nothing")]
    public void AMistakeIsOneLine(int expected, string message, params string[] arguments)
    {
        using Process process = StartScript(arguments, []);
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(expected, process.ExitCode);
        Assert.Contains(message, error);
    }

    [Fact]
    public void WhatTheScriptRunsIsInTheBundle()
    {
        string script = File.ReadAllText(Path.Combine(Root, "benchmarks", "gpu", "run.sh"));
        foreach (string peer in (string[])["peer_ops", "peer_models", "peer_lewm"])
        {
            Assert.Contains($"peer {peer} ", script);
            Assert.True(File.Exists(Path.Combine(Root, "benchmarks", "peers", peer + ".py")), peer);
        }
        string project = File.ReadAllText(Path.Combine(Root, "src", "JepaEngine.Cli", "JepaEngine.Cli.csproj"));
        string[] files =
            ["benchmarks/gpu/run.sh", "benchmarks/peers/*.py", "kernels/resources.txt", "libnvrtc.so.12"];
        Assert.All(files, file => Assert.Contains(file, project));
        Assert.Contains("-p:GpuBundle=true", File.ReadAllText(Path.Combine(Root, "build.ps1")));
    }

    /// <summary>Whether a process is there, and is more than what nobody has asked for the exit code of.</summary>
    private static bool Runs(string id)
    {
        string stat = $"/proc/{id}/stat";
        try
        {
            return File.Exists(stat) && !File.ReadAllText(stat).Contains(") Z ", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false; // it has ended meanwhile
        }
    }

    private static string Root { get; } = FindRoot();

    private static string FindRoot()
    {
        DirectoryInfo? at = new(AppContext.BaseDirectory);
        while (at is not null && !File.Exists(Path.Combine(at.FullName, "JepaEngine.sln")))
            at = at.Parent;
        return at!.FullName;
    }

    private void Tool(string name, string body) =>
        Command(Path.Combine("..", "tools", name), $"#!/usr/bin/env bash\n{body}\n");

    private void Command(string name, string text)
    {
        string path = Path.GetFullPath(Path.Combine(folder.Path, "bundle", name));
        File.WriteAllText(path, text);
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    private string[] Calls() => File.ReadAllLines(Path.Combine(folder.Path, "calls"));

    private string[] Written() =>
        [.. Directory.GetFiles(Path.Combine(folder.Path, "out")).Select(file => Path.GetFileName(file)).Order()];

    private (string Name, string Result)[] Steps(string mode) =>
    [
        .. Archive(mode)["steps.tsv"].Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split('\t'))
            .Select(words => (words[0], words[1])),
    ];

    /// <summary>The files of the archive, whatever else the run left.</summary>
    private Dictionary<string, string> Archive(string mode)
    {
        using var packed = new GZipStream(
            File.OpenRead(Path.Combine(folder.Path, "out", $"{mode}.tgz")), CompressionMode.Decompress);
        using var tar = new TarReader(packed);
        var files = new Dictionary<string, string>();
        while (tar.GetNextEntry() is { } entry)
            if (entry.DataStream is { } data)
                files[Path.GetFileName(entry.Name)] = new StreamReader(data).ReadToEnd();
        return files;
    }

    private (int Code, string Output) Run(string mode, params (string Name, string Value)[] variables)
    {
        using Process process = Start(mode, variables);
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal("", error.Result);
        return (process.ExitCode, output);
    }

    private Process Start(string mode, (string Name, string Value)[] variables) =>
        StartScript([mode, Path.Combine(folder.Path, "out")], variables);

    /// <summary>Starts it with no programs but the system's and the tools that stand in for others.</summary>
    private Process StartScript(string[] arguments, (string Name, string Value)[] variables)
    {
        string bin = Path.Combine(folder.Path, "bin");
        Directory.CreateDirectory(bin);
        string[] programs =
        [
            "bash", "env", "sleep", "tar", "gzip", "date", "stat", "head", "tail", "cut", "tr", "sed", "grep", "cat",
            "cp", "mv", "rm", "mkdir", "chmod", "nproc", "dirname", "base64", "timeout", "flock",
        ];
        foreach (string program in programs.Where(program => !File.Exists(Path.Combine(bin, program))))
            File.CreateSymbolicLink(
                Path.Combine(bin, program),
                ((string[])["/usr/bin", "/bin"]).Select(at => Path.Combine(at, program)).FirstOrDefault(File.Exists)
                    ?? "/none");
        var start = new ProcessStartInfo("bash", [Path.Combine(folder.Path, "bundle", "run.sh"), .. arguments])
        {
            RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false,
        };
        start.Environment.Clear();
        (string, string)[] usual =
        [
            ("PATH", $"{Path.Combine(folder.Path, "tools")}:{bin}"), ("WORK", Path.Combine(folder.Path, "work")),
            ("CALLS", Path.Combine(folder.Path, "calls")), ("JOBS", "3"),
        ];
        foreach ((string name, string value) in usual.Concat(variables))
            start.Environment[name] = value;
        return Process.Start(start)!;
    }
}
