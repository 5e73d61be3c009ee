using System.ComponentModel;
using System.Diagnostics;
using JepaEngine.Jepa.Benchmarking;

namespace JepaEngine.PackageTests;

/// <summary>What the scripts of <c>benchmarks/peers</c> share, on a PyTorch that does nothing.</summary>
public sealed class PeerScriptTests : IDisposable
{
    private const string Torch = """
        import sys
        from unittest.mock import MagicMock

        class Device(str):
            type = property(lambda self: self.split(":")[0])

        torch = sys.modules["torch"] = MagicMock(__version__="0")
        sys.modules["torch.nn"], sys.modules["transformers"] = torch.nn, torch
        torch.device, torch.nn.Module = Device, object
        torch.backends.cpu.get_cpu_capability.return_value, torch.version.cuda = "none", "0"
        torch.cuda.get_device_name.return_value, torch.cuda.Event().elapsed_time.return_value = "none", 1.0
        """;

    /// <summary>Two rows by a clock that only they move; the slow one is prepared once.</summary>
    private const string Clocked = """
        import timing

        now = 0.0

        def wait(seconds):
            global now
            now += seconds

        def add(case, preparation, run, **options):
            peer.add(case, "step", "F32", "", lambda: wait(preparation) or timing.Work(lambda: wait(run)), **options)

        timing.START, timing.time.perf_counter = 0, lambda: now
        peer = timing.Peer("two rows")
        add("quick", 1 / 16, 1 / 128)
        add("slow", 1, 1 / 8, kept=True)
        peer.measure()
        """;

    /// <summary>Three rows; the second meets its fault in the second round.</summary>
    private const string Faulty = """
        import sys
        import time
        import torch
        from timing import Peer, Work

        def fault():
            if len(peer.rows[0].samples) < 2:
                return
            if peer.options.fault == "hang":
                print("it hangs", file=sys.stderr, flush=True)
                time.sleep(600)
            if peer.options.fault == "lost":
                torch.cuda.synchronize.side_effect = RuntimeError("an illegal address")
            raise RuntimeError("it\nfails")

        peer = Peer("three rows", fault=(str, "hang, fail or lost"))
        for case, run in {"first": int, "second": fault, "third": int}.items():
            peer.add(case, "step", "F32", "", lambda run=run: Work(run))
        peer.measure()
        """;

    private static readonly Lazy<bool> HasPython = new(() =>
    {
        try
        {
            return Run(Python("-c", "import ctypes, unittest.mock")).Code == 0;
        }
        catch (Win32Exception)
        {
            return false;
        }
    });

    private readonly string folder = Directory.CreateTempSubdirectory("jepa-peer").FullName;

    public PeerScriptTests()
    {
        Assert.SkipUnless(HasPython.Value, "python3 is not installed");
        File.WriteAllText(Path.Combine(folder, "torch.py"), Torch);
        File.WriteAllText(Path.Combine(folder, "clocked.py"), Clocked);
        File.WriteAllText(Path.Combine(folder, "faulty.py"), Faulty);
    }

    private string Lines => Path.Combine(folder, "lines.jsonl");

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData("peer_ops", "there is no 'f16'; there are f32, bf16", "--dtype", "f16")]
    [InlineData("peer_ops", "names bf16 for cpu", "--dtype", "F32,BF16")]
    [InlineData("peer_ops", "--tokens", "--tokens", "256,0")]
    [InlineData("peer_ops", "--budget", "--budget", "0")]
    [InlineData("peer_ops", "--out: ", "--out", "missing/lines.jsonl")]
    [InlineData("peer_models", "no 'gpt2'; there are ijepa-vith, vjepa2-vitl-2, vjepa2-vitl-16,", "--model", "gpt2")]
    [InlineData("peer_models", "--tokens", "--tokens", "256")]
    [InlineData("peer_lewm", "no 'gpt2'; there are lewm-train, lewm-plan, demo-train, demo-plan", "--model", "gpt2")]
    public void AMistakeIsOneLine(string script, string message, params string[] options)
    {
        (int code, string output, string error) = Measure(script, options);
        Assert.Equal((2, ""), (code, output));
        Assert.Contains(message, Assert.Single(error.Split('\n', StringSplitOptions.RemoveEmptyEntries)));
    }

    [Theory]
    [InlineData(5, 16, 1)]
    [InlineData(5, 40, 4, "--budget", "8")]
    [InlineData(4, 1, 1, "--budget", "3")]
    [InlineData(1, 1, 1, "--budget", "1")]
    public void ABudgetIsSharedAmongTheRows(int rounds, int quick, int slow, params string[] options)
    {
        (int code, string output, string error) = Measure("clocked", options);
        Assert.True(code == 0, error);
        BenchFile file = BenchFile.Parse(output.Split('\n'));
        Assert.Equal([("quick", rounds, rounds * quick), ("slow", rounds, rounds * slow)], Counts(file));
    }

    [Fact]
    public void AKillLosesTheRoundThatItMeets()
    {
        using (Process process = Process.Start(Script("faulty", "--small", "--fault", "hang", "--out", Lines))!)
        {
            string? line;
            do
                line = process.StandardError.ReadLine();
            while (line is not (null or "it hangs"));
            process.Kill();
            process.WaitForExit();
        }
        Assert.Equal([("first", 1, 1), ("second", 1, 1), ("third", 1, 1)], Counts(BenchFile.Read(Lines)));
    }

    [Fact]
    public void ARowThatFailsIsToldAndTheOthersGoOn()
    {
        (int code, string output, string error) = Measure("faulty", "--device", "cuda:0", "--small", "--fault", "fail");
        Assert.Equal(1, code);
        Assert.Contains("second (step, F32, PyTorch 0) was not measured: it fails\n", error);
        Assert.Equal([("first", 5, 5), ("third", 5, 5)], Counts(BenchFile.Parse(output.Split('\n'))));
    }

    [Fact]
    public void ALostGpuEndsTheScript()
    {
        (int code, string output, string error) =
            Measure("faulty", "--device", "cuda:0", "--small", "--fault", "lost", "--out", Lines);
        Assert.Equal((1, ""), (code, output));
        Assert.EndsWith("was not measured: it fails\nstopped: after this error the GPU does nothing more\n", error);
        Assert.Equal([("first", 2, 2), ("third", 1, 1)], Counts(BenchFile.Read(Lines)));
    }

    private static IEnumerable<(string Case, int Rounds, int Samples)> Counts(BenchFile file)
    {
        Assert.Equal(0, file.Skipped);
        return file.Records.Select(record => (record.Case.Split(' ')[0], record.Rounds, record.Samples.Length));
    }

    private (int Code, string Output, string Error) Measure(string script, params string[] options) =>
        Run(Script(script, options));

    /// <summary>A script of the peers, or one of those above.</summary>
    private ProcessStartInfo Script(string name, params string[] options)
    {
        string peers = Path.Combine(Repository.Root, "benchmarks", "peers"), own = Path.Combine(folder, $"{name}.py");
        ProcessStartInfo start = Python([File.Exists(own) ? own : Path.Combine(peers, $"{name}.py"), .. options]);
        start.WorkingDirectory = folder;
        start.Environment["PYTHONPATH"] = $"{folder}{Path.PathSeparator}{peers}";
        start.Environment["PYTHONDONTWRITEBYTECODE"] = "1";
        return start;
    }

    private static ProcessStartInfo Python(params string[] arguments) => new("python3", arguments)
    {
        UseShellExecute = false,
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    };

    private static (int Code, string Output, string Error) Run(ProcessStartInfo start)
    {
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output.ReplaceLineEndings("\n"), error.Result.ReplaceLineEndings("\n"));
    }
}
