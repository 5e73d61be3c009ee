using System.Diagnostics;
using JepaEngine.Jepa.Runs;
using JepaEngine.Jepa.Training;
using static JepaEngine.PackageTests.JepaProcess;

namespace JepaEngine.PackageTests;

/// <summary>Training that is killed, or whose disk is full, goes on to the bits of training that was left
/// alone.</summary>
public sealed class RunKillTests : IDisposable
{
    private const int Kills = 60, Most = 200;

    private readonly string folder = Directory.CreateTempSubdirectory("jepa-kills").FullName;
    private readonly string config;

    public RunKillTests() => config = TinyRun.Config(folder);

    public void Dispose() => Directory.Delete(folder, recursive: true);

    /// <summary>Sixty kills, anywhere from the start of the process to its end.</summary>
    [Fact]
    public void AtRandomMoments()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "a killed process leaves nothing to test there that it does not here");
        string[] options = ["--config", config, "--steps", "100", "--checkpoint-every", "7"];
        byte[] whole = Whole("whole", options, out TimeSpan time);
        var random = new Random(1);
        int kills = 0, runs = 0;
        for (int tries = 0; kills < Kills; tries++)
        {
            Assert.True(tries < Most, $"{kills} of {tries} processes were killed before they ended");
            var run = new RunFolder(Path.Combine(folder, $"run{runs}"));
            string[] how = File.Exists(run.Model) ? ["--resume", .. options[2..]] : options;
            if (!Killed(["train", run.Root, .. how], time * random.NextDouble()))
            {
                Finished(run, whole);
                runs++;
                continue;
            }
            kills++;
            Consistent(run);
        }
        var last = new RunFolder(Path.Combine(folder, $"run{runs}"));
        Works(["train", last.Root, .. File.Exists(last.Model) ? ["--resume", .. options[2..]] : options]);
        Finished(last, whole);
    }

    /// <summary>A run replaces another, and is killed before each rename and each fsync: the folder holds the one or the
    /// other, and that one goes on.</summary>
    [Theory]
    [InlineData("rename,renameat,renameat2")]
    [InlineData("fsync")]
    [InlineData("unlink,unlinkat")]
    public void AtEachCall(string calls)
    {
        Assert.SkipUnless(File.Exists("/usr/bin/strace"), "strace kills at a call; install it");
        string[] options = ["--config", config, "--steps", "12", "--checkpoint-every", "4", "--keep", "2"];
        string[] replaced = ["--seed", "1"], replacing = ["--seed", "2"];
        byte[] before = Whole("before", [.. options, .. replaced], out _), after = Whole("after", [.. options, .. replacing], out _);
        int killed = 0;
        for (int call = 1; ; call++)
        {
            Assert.True(call < Most, "no process came to its end");
            var run = new RunFolder(Path.Combine(folder, "run"));
            Copy(Path.Combine(folder, "before"), run.Root);
            string[] command = ["train", run.Root, .. options, .. replacing, "--overwrite"];
            bool ended = Injected($"{calls}:signal=KILL:when={call}", command);
            Consistent(run);
            if (run.Read().Config.Train.Seed == 1)
            {
                Works("train", run.Root, "--resume");
                Assert.Equal(before, File.ReadAllBytes(run.Model));
            }
            else
            {
                Works("train", run.Root, "--resume", "--keep", "2");
                Finished(run, after);
            }
            Directory.Delete(run.Root, recursive: true);
            if (ended)
                break;
            killed++;
        }
        Assert.True(killed >= 3, $"{killed} kills");
    }

    [Fact]
    public void AFullDiskLosesNoStep()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && Environment.UserName == "root", "a small disk is mounted, which only root may");
        string disk = Directory.CreateDirectory(Path.Combine(folder, "disk")).FullName, filler = Path.Combine(disk, "filler");
        string[] options = ["--config", config, "--steps", "1200", "--checkpoint-every", "20"];
        byte[] whole = Whole("whole", options, out _);
        Shell("mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", disk);
        try
        {
            var run = new RunFolder(Path.Combine(disk, "run"));
            using Process process = Start(["train", run.Root, .. options]);
            _ = process.StandardOutput.BaseStream.CopyToAsync(Stream.Null, TestContext.Current.CancellationToken);
            SpinWait.SpinUntil(() => File.Exists(run.Config), TimeSpan.FromMinutes(1));
            Fill(filler);
            string fault = process.StandardError.ReadLine()!;
            Assert.Matches("^jepa: step [0-9]+ is not saved .*No space left.*training goes on and tries again$", fault);
            File.Delete(filler);
            process.StandardError.ReadToEnd();
            process.WaitForExit();
            Assert.Equal(0, process.ExitCode);
            Finished(run, whole);
        }
        finally
        {
            Shell("umount", "-l", disk);
        }
    }

    /// <summary>What holds at any moment: each step is in the log once, and no file is of another run.</summary>
    private static void Consistent(RunFolder run)
    {
        if (!File.Exists(run.Model))
            return;
        RunState state = RunState.Of(run);
        Assert.DoesNotContain(state.Faults, fault => !fault.Contains("train.jsonl", StringComparison.Ordinal));
        int[] steps = [.. run.ReadLog().Select(step => step.Step)];
        Assert.Equal(steps.Distinct(), steps);
        Assert.True(steps.Length <= state.Step);
        _ = run.ReadConfig();
    }

    private static void Finished(RunFolder run, byte[] whole)
    {
        Assert.Equal(whole, File.ReadAllBytes(run.Model));
        RunState state = RunState.Of(run);
        Assert.Equal(RunStage.Completed, state.Stage);
        Assert.Equal(Enumerable.Range(1, state.Steps), File.ReadLines(run.Log).Select(line => TrainStep.Parse(line).Step));
        string[] known = [".lock", "checkpoints", "config.json", "episodes.jepa", "model.safetensors", "train.jsonl"];
        Assert.Empty(Directory.EnumerateFileSystemEntries(run.Root).Select(Path.GetFileName).Except(known));
    }

    private byte[] Whole(string name, string[] options, out TimeSpan time)
    {
        var run = new RunFolder(Path.Combine(folder, name));
        var clock = Stopwatch.StartNew();
        Works(["train", run.Root, .. options]);
        time = clock.Elapsed;
        return File.ReadAllBytes(run.Model);
    }

    /// <returns>Whether it was killed before it ended.</returns>
    private static bool Killed(string[] arguments, TimeSpan after)
    {
        using Process process = Start(arguments);
        _ = process.StandardOutput.BaseStream.CopyToAsync(Stream.Null);
        if (!process.WaitForExit(after))
        {
            process.Kill();
            process.WaitForExit();
            return true;
        }
        string error = process.StandardError.ReadToEnd();
        Assert.True(process.ExitCode == 0, error);
        return false;
    }

    /// <returns>Whether it came to its end.</returns>
    private static bool Injected(string fault, string[] arguments)
    {
        string[] traced = ["-f", "-o", "/dev/null", "-e", $"trace={fault.Split(':')[0]}", "-e", $"inject={fault}"];
        var start = new ProcessStartInfo("/usr/bin/strace",
            [.. traced, "dotnet", Path.Combine(AppContext.BaseDirectory, "jepa.dll"), .. arguments])
        {
            UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        _ = process.StandardOutput.BaseStream.CopyToAsync(Stream.Null);
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode is 0 or 137, $"exit code {process.ExitCode}: {error}");
        return process.ExitCode == 0;
    }

    private static void Fill(string path)
    {
        using FileStream file = File.Create(path);
        try
        {
            for (byte[] block = new byte[4096]; ;)
            {
                file.Write(block);
                file.Flush();
            }
        }
        catch (IOException)
        {
            // Full.
        }
    }

    private static void Copy(string from, string to)
    {
        foreach (string path in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            string copy = Path.Combine(to, Path.GetRelativePath(from, path));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(path, copy);
        }
    }

    private static void Shell(string program, params string[] arguments)
    {
        using Process process = Process.Start(program, arguments);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }
}
