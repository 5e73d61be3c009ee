using JepaEngine.IO;
using JepaEngine.Jepa.Planning;
using JepaEngine.Jepa.Runs;
using JepaEngine.Jepa.Training;
using static JepaEngine.PackageTests.JepaProcess;

namespace JepaEngine.PackageTests;

/// <summary>A new run takes a folder in one go, or leaves it as it was; what no run wrote is not replaced
/// unasked.</summary>
public sealed class RunTakeoverTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("jepa-takeover").FullName;
    private readonly RunFolder run;
    private readonly RunConfig config;

    public RunTakeoverTests()
    {
        run = new RunFolder(Path.Combine(folder, "run"));
        config = RunConfig.Read(TinyRun.Config(folder));
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void ARunThatWasStoppedBeforeItsFirstStepLeavesTheOneBefore()
    {
        Train(run);
        Dictionary<string, byte[]> before = Files();
        List<RunEvent> events = [];
        var stopped = new CancellationToken(canceled: true);
        Assert.Equal(TrainOutcome.Interrupted, Train(run, seed: 7, overwrite: true, events.Add, stopped));
        Assert.Equal(before, Files());
        Assert.False(Assert.IsType<RunEvent.Trained>(events[^1]).Saved);
        Train(run, resume: true);
    }

    [Theory]
    [InlineData("config.json")]
    [InlineData("train.jsonl")]
    [InlineData("report.json")]
    [InlineData("report.html")]
    [InlineData("episodes.jepa")]
    [InlineData("heldout.jepa")]
    [InlineData("model.safetensors.index.json")]
    public void WhatNoRunWroteIsNotReplaced(string name)
    {
        Directory.CreateDirectory(run.Root);
        string path = Path.Combine(run.Root, name);
        File.WriteAllText(path, "a file of somebody's");
        Assert.Contains($"holds no run, but {name}", Assert.Throws<ArgumentException>(() => Train(run)).Message);
        Assert.Equal([path], Directory.GetFileSystemEntries(run.Root));
        Assert.Equal("a file of somebody's", File.ReadAllText(path));
    }

    [Fact]
    public void EpisodesInTheFolderCanBeLearnedFrom()
    {
        Train(run);
        byte[] episodes = File.ReadAllBytes(run.Episodes);
        File.Delete(run.Model);
        File.Delete(run.Log);
        File.Delete(run.Config);
        Works("train", run.Root, "--config", TinyRun.Config(folder), "--data", run.Episodes);
        Assert.Equal(run.Episodes, run.Read().DataPath);
        Assert.Equal(episodes, File.ReadAllBytes(run.Episodes));
    }

    [Fact]
    public void AConfigurationInTheFolderIsNotRewritten()
    {
        string mine = Path.Combine(Directory.CreateDirectory(run.Root).FullName, "config.json");
        File.Copy(TinyRun.Config(folder), mine);
        Assert.Contains("--overwrite", Fails(2, "train", run.Root, "--config", mine));
        Assert.Equal(File.ReadAllText(TinyRun.Config(folder)), File.ReadAllText(mine));
    }

    [Fact]
    public void EpisodesOfOthersAreNotRecordedOver()
    {
        var other = new RunFolder(Path.Combine(folder, "other"));
        Train(other, seed: 9);
        byte[] shared = File.ReadAllBytes(other.Episodes);
        Directory.CreateDirectory(run.Root);
        File.CreateSymbolicLink(run.Episodes, other.Episodes);
        Assert.Throws<ArgumentException>(() => Train(run));
        Train(run, overwrite: true);
        Assert.Equal(shared, File.ReadAllBytes(other.Episodes));
        Assert.NotEqual(shared, File.ReadAllBytes(run.Episodes));

        // The run's own are made again where they are missing, never over others.
        byte[] own = File.ReadAllBytes(run.Episodes);
        File.Delete(run.Episodes);
        Train(run, resume: true);
        Assert.Equal(own, File.ReadAllBytes(run.Episodes));
        File.Copy(other.Episodes, run.Episodes, overwrite: true);
        Assert.Contains("move this one away", Assert.Throws<BadFileException>(() => Train(run, resume: true)).Message);
        File.CreateSymbolicLink(run.HeldOut, other.Episodes);
        using var measured = new TwoRoomRun(run, run.ReadConfig(), Device.Cpu);
        var options = new ClosedLoopOptions { Episodes = 2, Budget = 5 };
        Assert.Contains("heldout.jepa", Assert.Throws<ArgumentException>(
            () => measured.Evaluate(options, TestContext.Current.CancellationToken)).Message);
        Assert.Equal(shared, File.ReadAllBytes(run.Episodes));
        Assert.Equal(shared, File.ReadAllBytes(other.Episodes));
    }

    /// <summary>The last file that steps aside cannot; those that did come back, data included.</summary>
    [Fact]
    public void AFirstCheckpointThatCannotTakeItsPlaceLeavesTheRunBefore()
    {
        Train(run);
        File.WriteAllText(run.Report, "a report");
        string barrier = Path.Combine(run.Root, ".before.train.jsonl");
        Directory.CreateDirectory(Path.Combine(barrier, "full"));
        Dictionary<string, byte[]> before = Files();
        Assert.Contains("what was there stays",
            Assert.Throws<IOException>(() => Train(run, seed: 7, overwrite: true)).Message);
        Assert.Equal(before, Files());
        Directory.Delete(barrier, recursive: true);
        Train(run, resume: true);
        Train(run, seed: 7, overwrite: true);
        Assert.Equal(7UL, run.ReadConfig().Train.Seed);
        Assert.Equal(["config.json", "episodes.jepa", "model.safetensors", "train.jsonl"], Files().Keys.Order());
    }

    [Theory]
    [InlineData("report.html")]
    [InlineData("model.safetensors")]
    public void AFolderInAFilesPlaceIsFoundBeforehand(string name)
    {
        Train(run);
        File.Delete(Path.Combine(run.Root, name));
        Directory.CreateDirectory(Path.Combine(run.Root, name));
        Dictionary<string, byte[]> before = Files();
        Assert.Contains(name, Assert.Throws<BadFileException>(() => Train(run, overwrite: true)).Message);
        Assert.Equal(before, Files());
    }

    [Fact]
    public void LinksAndModesStay()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "files have no modes there");
        if (OperatingSystem.IsWindows())
            return;
        const UnixFileMode Own = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        Train(run);
        foreach (string path in new[] { run.Model, run.Log, run.Config })
        {
            string target = Path.Combine(folder, Path.GetFileName(path));
            File.Move(path, target);
            File.SetUnixFileMode(target, Own);
            File.CreateSymbolicLink(path, target);
        }
        Train(run, seed: 7, overwrite: true);
        foreach (string path in new[] { run.Model, run.Log, run.Config })
        {
            Assert.Equal(Path.Combine(folder, Path.GetFileName(path)), new FileInfo(path).LinkTarget);
            Assert.Equal(Own, File.GetUnixFileMode(path));
        }
        Assert.Equal(7UL, run.ReadConfig().Train.Seed);
        Assert.Equal(TinyRun.Steps, run.ReadLog().Count);
    }

    [Fact]
    public void ADamagedModelIsReplaced()
    {
        Train(run, keep: 2);
        string kept = Directory.GetFiles(run.Checkpoints)[0];
        File.WriteAllText(run.Model, "damaged");
        Train(run, seed: 7, overwrite: true);
        Assert.Equal(7UL, run.ReadConfig().Train.Seed);
        // Nobody could say any more whose it was.
        Assert.True(File.Exists(kept));
    }

    private TrainOutcome Train(RunFolder into, ulong seed = 0, bool overwrite = false,
        Action<RunEvent>? progress = null, CancellationToken? cancellation = null, bool resume = false, int keep = 1)
    {
        RunConfig wanted = resume ? into.ReadConfig() : config with { Train = config.Train with { Seed = seed } };
        using var training = new TwoRoomRun(into, wanted, Device.Cpu, progress);
        var options = new RunFolderOptions
        {
            Overwrite = overwrite, Resume = resume, Keep = keep, CheckpointEvery = 10,
        };
        return training.Train(options, cancellation ?? TestContext.Current.CancellationToken);
    }

    private Dictionary<string, byte[]> Files() => Directory.EnumerateFiles(run.Root)
        .Where(path => Path.GetFileName(path) != ".lock")
        .ToDictionary(path => Path.GetFileName(path), File.ReadAllBytes);
}
