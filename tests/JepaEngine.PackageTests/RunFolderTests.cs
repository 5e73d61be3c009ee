using System.Diagnostics;
using System.Text.Json.Nodes;
using JepaEngine.IO;
using JepaEngine.Jepa.Planning;
using JepaEngine.Jepa.Reporting;
using JepaEngine.Jepa.Runs;
using JepaEngine.Jepa.Training;
using static JepaEngine.PackageTests.JepaProcess;

namespace JepaEngine.PackageTests;

/// <summary>A run's folder says which run it is, holds one at a time, and gives none away unasked.</summary>
public sealed class RunFolderTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("jepa-runs").FullName;
    private readonly RunFolder run;
    private readonly string config;

    public RunFolderTests()
    {
        run = new RunFolder(Path.Combine(folder, "run"));
        config = TinyRun.Config(folder);
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void ARunIsReplacedOnlyWhereThatIsAsked()
    {
        Train();
        byte[] model = File.ReadAllBytes(run.Model);
        string log = File.ReadAllText(run.Log);
        Assert.Contains("--overwrite", Fails(2, "train", run.Root, "--config", config, "--seed", "5"));
        Assert.Contains("--overwrite", Fails(2, "demo", "--out", run.Root));
        // What cannot be trained leaves the run as it was, asked or not.
        Assert.NotEqual(0, Run("train", run.Root, "--config", config, "--batch", "300000000", "--overwrite").Code);
        Assert.Equal(model, File.ReadAllBytes(run.Model));
        Assert.Equal(log, File.ReadAllText(run.Log));
        Assert.Equal(TinyRun.Steps, run.Read().Progress.Step);

        Works("train", run.Root, "--config", config, "--seed", "5", "--overwrite");
        Assert.NotEqual(model, File.ReadAllBytes(run.Model));
        Assert.Equal(5UL, run.ReadConfig().Train.Seed);
        Assert.Equal(5UL, RunConfig.Read(run.Config).Train.Seed);
        Assert.Equal(TinyRun.Steps, File.ReadLines(run.Log).Count());
    }

    [Fact]
    public void AResumedRunIsTheSameRun()
    {
        Train();
        byte[] model = File.ReadAllBytes(run.Model);
        string log = File.ReadAllText(run.Log);
        Assert.Contains("train.steps is 40 there, 50 here", Fails(2, "train", run.Root, "--resume", "--steps", "50"));
        Assert.Contains("train.seed is 0 there, 1 here", Fails(2, "train", run.Root, "--resume", "--seed", "1"));
        Assert.Contains("train.batch is 4 there, 64 here", Fails(2, "train", run.Root, "--resume", "--config", config, "--batch", "64"));
        Assert.Contains("model.", Fails(2, "train", run.Root, "--resume", "--config", "demo"));
        // The same said again is no other run, and one that is complete stays as it is.
        Works("train", run.Root, "--resume", "--config", config, "--steps", "40");
        Assert.Equal(model, File.ReadAllBytes(run.Model));
        Assert.Equal(log, File.ReadAllText(run.Log));
    }

    [Fact]
    public void TheDataOfARunIsRemembered()
    {
        Train();
        string data = Path.Combine(folder, "data.jepa"), other = Path.Combine(folder, "other");
        File.Copy(run.Episodes, data);
        var second = new RunFolder(Path.Combine(folder, "second"));
        Stop(second, "--data", data);
        Works("train", second.Root, "--resume");
        Assert.Equal(data, second.Read().DataPath);
        Assert.False(File.Exists(second.Episodes));

        // Another file of the name, and none at all.
        Works("train", other, "--config", config, "--seed", "9");
        File.Copy(Path.Combine(other, "episodes.jepa"), data, overwrite: true);
        Assert.Contains("it is not what the run", Fails(3, "train", second.Root, "--resume"));
        File.Delete(data);
        Assert.Contains("data.jepa", Fails(3, "train", second.Root, "--resume"));
        Works("train", second.Root, "--resume", "--data", run.Episodes);
    }

    [Fact]
    public void AConfigurationOfAnotherRunIsRefused()
    {
        Train();
        string text = File.ReadAllText(run.Config);
        File.WriteAllText(run.Config, text.Replace("\"learningRate\": 5E-05", "\"learningRate\": 0.1", StringComparison.Ordinal));
        Assert.NotEqual(text, File.ReadAllText(run.Config));
        foreach (string verb in new[] { "eval", "plan" })
            Assert.Contains("train.learningRate is 5E-05 there, 0.1 here", Fails(3, verb, run.Root));
        Assert.Contains("train.learningRate", Fails(3, "train", run.Root, "--resume"));
        // The planner is the user's to change; what is missing is made again.
        File.WriteAllText(run.Config, text.Replace("\"horizon\": ", "\"horizon\": 1", StringComparison.Ordinal));
        Assert.NotEqual(run.Read().Config.Planner.Cem.Horizon, run.ReadConfig().Planner.Cem.Horizon);
        File.Delete(run.Config);
        Works("train", run.Root, "--resume");
        Assert.Equal(text, File.ReadAllText(run.Config));
    }

    [Fact]
    public void AReportOfAnotherCheckpointIsNotShown()
    {
        var demo = new RunFolder(Path.Combine(folder, "demo"));
        Assert.Equal(1, Run("demo", "--out", demo.Root, "--steps", "3", "--episodes", "2").Code);
        Works("report", demo.Root);
        string report = File.ReadAllText(demo.Data);
        Works("train", demo.Root, "--config", config, "--overwrite");
        Assert.False(File.Exists(demo.Report));
        File.WriteAllText(demo.Data, report);
        Assert.Contains("measure again: jepa eval", Fails(3, "report", demo.Root));
    }

    [Fact]
    public void ASecondProcessIsTurnedAway()
    {
        using Process first = Start("train", run.Root, "--config", config, "--steps", "100000", "--checkpoint-every", "50");
        try
        {
            Until(() => File.Exists(run.Model));
            Assert.Contains("another process trains into it", Fails(3, "train", run.Root, "--resume"));
            Assert.Contains("another process trains into it", Fails(3, "train", run.Root, "--config", config, "--overwrite"));
            RunState state = RunState.Of(run);
            Assert.Equal((RunStage.Training, 100_000), (state.Stage, state.Steps));
            Assert.Empty(state.Faults);
        }
        finally
        {
            first.Kill();
        }
        first.WaitForExit();
        Assert.Equal(RunStage.Stopped, RunState.Of(run).Stage);
        Assert.InRange(File.ReadLines(run.Log).Count(), run.Read().Progress.Step, 100_000);
    }

    [Fact]
    public void CheckpointsAreKeptAndTheBestIsMarked()
    {
        Train("--checkpoint-every", "5", "--keep", "2");
        RunState state = RunState.Find(folder).Single();
        int[] kept = [.. state.Kept.Select(one => one.Progress.Step)];
        Assert.Equal([35, 40], kept[^2..]);
        Assert.InRange(kept.Length, 2, 3);
        Assert.Equal(state.Kept.Min(one => one.Progress.Loss), state.Best!.Progress.Loss);
        Assert.Equal(File.ReadAllBytes(run.Model), File.ReadAllBytes(state.Kept[^1].Path));
        Assert.Equal(kept.Length, Directory.GetFiles(run.Checkpoints).Length);
        Assert.Equal((RunStage.Completed, 40, 40), (state.Stage, state.Step, state.Steps));
        Assert.Empty(state.Faults);

        Assert.Contains("best of step", Works("runs", folder));
        JsonObject record = JsonNode.Parse(Works("runs", folder, "--json"))!.AsObject();
        Assert.Equal("completed", (string?)record["state"]);
        Assert.Equal(40, (int)record["checkpoint"]!);
    }

    [Fact]
    public void ResumingRemovesNoCheckpoint()
    {
        Train("--checkpoint-every", "5", "--keep", "3");
        string foreign = Path.Combine(run.Checkpoints, "step-00000099.safetensors");
        File.Copy(run.Model, foreign);
        string[] kept = Directory.GetFiles(run.Checkpoints);
        Works("train", run.Root, "--resume");
        Works("train", run.Root, "--resume", "--keep", "1");
        Assert.Equal(kept.Order(), Directory.GetFiles(run.Checkpoints).Order());
        // Another run replaces the run's own, and nothing else.
        File.WriteAllText(foreign, "a file of somebody's");
        Works("train", run.Root, "--config", config, "--seed", "3", "--overwrite");
        Assert.Equal([foreign], Directory.GetFiles(run.Checkpoints));
    }

    [Fact]
    public void TheLogOfAnotherRunIsNotShown()
    {
        Train();
        var other = new RunFolder(Path.Combine(folder, "other"));
        Works("train", other.Root, "--config", config, "--seed", "3");
        File.Copy(other.Log, run.Log, overwrite: true);
        Assert.Contains("the log of another run", Fails(3, "eval", run.Root, "--episodes", "2", "--budget", "5"));
        Assert.Contains("the log of another run", Fails(3, "train", run.Root, "--resume"));
        Assert.Contains("the log of another run", Assert.Single(RunState.Of(run).Faults));
        // A run without its hidden files and its log is one all the same.
        File.Delete(run.Log);
        File.Delete(Path.Combine(run.Root, ".lock"));
        Assert.Equal(2, RunState.Find(folder).Count);
    }

    [Fact]
    public void SignalsThatComeTogetherAreOne()
    {
        Assert.SkipWhen(
            OperatingSystem.IsWindows(), "a signal reaches another process through kill, which Windows lacks");
        using Process process = Start("train", run.Root, "--config", config, "--steps", "100000");
        Until(() => File.Exists(run.Model));
        foreach (string signal in new[] { "-TERM", "-HUP", "-TERM" })
            using (Process kill = Process.Start("kill", [signal, process.Id.ToString()]))
                kill.WaitForExit();
        Assert.True(process.WaitForExit(TimeSpan.FromMinutes(1)));
        Assert.Equal(7, process.ExitCode);
        Assert.Equal(RunStage.Stopped, RunState.Of(run).Stage);
    }

    [Fact]
    public void WhatIsWrongWithARunIsSaid()
    {
        Train();
        File.WriteAllLines(run.Log, File.ReadAllLines(run.Log)[3..]);
        File.WriteAllText(run.Config, "{}");
        string[] faults = [.. RunState.Of(run).Faults];
        Assert.Contains(faults, fault => fault.Contains("3 of 40 steps are missing", StringComparison.Ordinal));
        Assert.Contains(faults, fault => fault.Contains("config.json: it is not what model.safetensors was trained with", StringComparison.Ordinal));
        Assert.Equal(1, Run("runs", folder).Code);
        File.WriteAllText(run.Model, "damaged");
        Assert.Equal(RunStage.Broken, RunState.Of(run).Stage);
        Assert.Contains("model.safetensors", Run("runs", folder).Output);
        Fails(3, "runs", Path.Combine(folder, "missing"));
    }

    [Fact]
    public void ADivergedRunLeavesItsLastGoodCheckpoint()
    {
        // The rate rises until numbers leave their range; what was saved before is finite.
        string steep = TinyRun.Config(folder, "\"learningRate\": 1e18, \"warmup\": 1, \"clipNorm\": 1e30,");
        (int code, _, string error) = Run("train", run.Root, "--config", steep, "--checkpoint-every", "1");
        Assert.True(code == 6, $"exit code {code}: {error}");
        Assert.Contains("model.safetensors is whole", error);
        Assert.True(run.Read().Progress.Step < TinyRun.Steps);
        Assert.Equal(RunStage.Diverged, RunState.Of(run).Stage);
    }

    /// <summary>A later checkpoint, and another run, take the place of the model that is measured.</summary>
    [Fact]
    public void AReportIsOfOneCheckpoint()
    {
        var later = new RunFolder(Path.Combine(folder, "later"));
        Train("--checkpoint-every", "10", "--keep", "9");
        Copy(run, later);
        File.Copy(Path.Combine(run.Checkpoints, "step-00000020.safetensors"), run.Model, overwrite: true);
        string measured = run.Read().Id;
        Assert.Equal(measured, Measure(run, () => File.Copy(later.Model, run.Model, overwrite: true)).Checkpoint);
        Assert.NotEqual(measured, run.Read().Id);

        Works("train", run.Root, "--config", config, "--seed", "3", "--overwrite");
        Assert.Contains("another run took its place", Assert.Throws<BadFileException>(
            () => Measure(later, () => File.Copy(run.Model, later.Model, overwrite: true))).Message);
        Assert.False(File.Exists(later.Data) || File.Exists(later.Report));
        Assert.Contains("it is of another run than the one to measure",
            Assert.Throws<BadFileException>(() => Measure(later, () => { })).Message);
    }

    [Fact]
    public void WhatCannotBeKeptIsTold()
    {
        File.WriteAllText(Directory.CreateDirectory(run.Root).FullName + "/checkpoints", "a file");
        Assert.Contains("checkpoints: it is no folder", Fails(3, "train", run.Root, "--config", config, "--keep", "2"));
        File.Delete(run.Checkpoints);
        List<int> told = [];
        TrainHere(new RunFolderOptions { CheckpointEvery = 20, Keep = 2 }, now =>
        {
            if (now is RunEvent.Training)
                File.WriteAllText(run.Checkpoints, "a file");
            if (now is not RunEvent.NotKept failed)
                return;
            told.Add(failed.Step);
            Assert.Equal(failed.Step, run.Read().Progress.Step);
            File.Delete(run.Checkpoints);
        });
        Assert.Equal([20], told);
        Assert.Equal([40], RunState.Of(run).Kept.Select(one => one.Progress.Step));
    }

    [Fact]
    public void AResumedRunKeepsItsPlannerAndTellsOfAnotherProcessor()
    {
        Train();
        string other = Path.Combine(folder, "other.json"), text = File.ReadAllText(run.Config);
        File.WriteAllText(other, text.Replace("executeBlocks\": 5", "executeBlocks\": 2", StringComparison.Ordinal));
        Assert.Contains("planner.executeBlocks is 5 there, 2 here",
            Fails(2, "train", run.Root, "--resume", "--config", other));
        Assert.Equal(text, File.ReadAllText(run.Config));
        Assert.SkipUnless(run.Read().Device != "cpu scalar", "a wider processor");
        (int code, string output, _) = Run([("JEPA_CPU_ISA", "scalar")], "train", run.Root, "--resume");
        Assert.Equal(0, code);
        Assert.Contains($"It was trained on {run.Read().Device} and goes on on cpu scalar", output);
        Assert.DoesNotContain("It was trained on", Works("train", run.Root, "--resume"));
    }

    [Fact]
    public void OneBadRunIsListedBesideTheOthers()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "/dev/full, mkfifo");
        Train();
        RunFolder device = new(Path.Combine(folder, "device")), pipe = new(Path.Combine(folder, "pipe"));
        Copy(run, device);
        Copy(run, pipe);
        File.Delete(device.Log);
        File.CreateSymbolicLink(device.Log, "/dev/full");
        foreach (string path in new[] { pipe.Config, pipe.Log, pipe.Episodes })
        {
            File.Delete(path);
            using Process make = Process.Start("mkfifo", path);
            make.WaitForExit();
        }
        RunState[] states = [.. RunState.Find(folder)];
        Assert.Equal([device.Root, pipe.Root, run.Root], states.Select(state => state.Folder.Root));
        Assert.Contains("40 of 40 steps are missing", Assert.Single(states[0].Faults));
        Assert.Contains("config.json: it is a device or a pipe", states[1].Faults[0]);
        Assert.Empty(states[2].Faults);
        Assert.Contains("train.jsonl: it is a device or a pipe", Fails(3, "train", device.Root, "--resume"));
        Assert.Contains("config.json: it is a device or a pipe", Fails(3, "train", pipe.Root, "--resume"));
        Assert.Contains("it is no episode file",
            Fails(3, "train", run.Root, "--config", config, "--overwrite", "--data", pipe.Episodes));
    }

    [Fact]
    public void ALogThatIsCutMeanwhileHasNoHole()
    {
        TrainHere(new RunFolderOptions(), now =>
        {
            if (now is not RunEvent.Stepped { Step.Step: 20 })
                return;
            using var log = new FileStream(run.Log, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
            log.SetLength(0);
        });
        Assert.Equal(Enumerable.Range(21, 20), File.ReadLines(run.Log).Select(line => TrainStep.Parse(line).Step));
    }

    [Fact]
    public void AFolderThatIsMovedMeanwhileStaysWhole()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "what is open cannot be moved");
        var moved = new RunFolder(Path.Combine(folder, "moved"));
        var options = new RunFolderOptions { CheckpointEvery = 5 };
        Assert.Contains("it was moved", Assert.Throws<BadFileException>(() => TrainHere(options, now =>
        {
            if (now is RunEvent.Stepped { Step.Step: 22 })
                Directory.Move(run.Root, moved.Root);
        })).Message);
        Assert.False(Directory.Exists(run.Root));
        Assert.Equal(20, moved.Read().Progress.Step);
        Works("train", moved.Root, "--resume");
        Train();
        Assert.Equal(File.ReadAllBytes(run.Model), File.ReadAllBytes(moved.Model));
    }

    private static DemoReportData Measure(RunFolder measured, Action meanwhile)
    {
        using var evaluation = new TwoRoomRun(measured, RunConfig.Read(measured.Config), Device.Cpu, now =>
        {
            if (now is RunEvent.Played { Done: 1 })
                meanwhile();
        });
        var options = new ClosedLoopOptions { Episodes = 2, Budget = 5 };
        return evaluation.Evaluate(options, TestContext.Current.CancellationToken);
    }

    private void TrainHere(RunFolderOptions options, Action<RunEvent> progress)
    {
        using var training = new TwoRoomRun(run, RunConfig.Read(config), Device.Cpu, progress);
        Assert.Equal(TrainOutcome.Completed, training.Train(options, TestContext.Current.CancellationToken));
    }

    private static void Copy(RunFolder from, RunFolder to)
    {
        Directory.CreateDirectory(to.Root);
        foreach (string path in Directory.GetFiles(from.Root))
            File.Copy(path, Path.Combine(to.Root, Path.GetFileName(path)));
    }

    private void Train(params string[] more) => Works(["train", run.Root, "--config", config, .. more]);

    /// <summary>A run that was asked to stop after its first steps.</summary>
    private void Stop(RunFolder stopped, params string[] more)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "a signal reaches another process through kill, which Windows lacks");
        using Process process = Start(["train", stopped.Root, "--config", config, "--steps", "2000", .. more]);
        Until(() => File.Exists(stopped.Model));
        using (Process kill = Process.Start("kill", ["-HUP", process.Id.ToString()]))
            kill.WaitForExit();
        Assert.True(process.WaitForExit(TimeSpan.FromMinutes(1)));
        Assert.Equal(7, process.ExitCode);
    }

    private static void Until(Func<bool> happened)
    {
        var clock = Stopwatch.StartNew();
        while (!happened())
        {
            Assert.True(clock.Elapsed < TimeSpan.FromMinutes(1), "it did not happen in a minute");
            Thread.Sleep(20);
        }
    }
}
