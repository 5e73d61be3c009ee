using System.Text.Json.Nodes;
using JepaEngine.Jepa.Runs;
using JepaEngine.Jepa.Training;

namespace JepaEngine.PackageTests;

/// <summary>The demo as a library call.</summary>
public sealed class DemoRunTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("jepa-demo").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void TheLibraryWritesWhatTheCommandWrites()
    {
        RunFolder library = new(Path.Combine(folder, "library")), command = new(Path.Combine(folder, "command"));
        List<RunEvent> events = [];
        DemoResult result = DemoRun.Execute(library.Root, new DemoOptions { Seed = 7, Steps = 3, Episodes = 2 },
            events.Add, TestContext.Current.CancellationToken);
        (int code, _, string error) = JepaProcess.Run(
            "demo", "--out", command.Root, "--seed", "7", "--steps", "3", "--episodes", "2");
        Assert.True(code == 1, $"exit code {code}: {error}");

        Assert.Equal(Untimed(command), Untimed(library));
        Assert.Equal(File.ReadAllBytes(command.Model), File.ReadAllBytes(library.Model));
        Assert.Equal(File.ReadAllText(command.Config), File.ReadAllText(library.Config));
        Assert.StartsWith("<!doctype html>", File.ReadAllText(library.Report));
        Assert.Equal(2, result.Report!.Policies[0].Total.Episodes);

        Assert.IsType<RunEvent.Recording>(events[0]);
        Assert.Equal(1000, Assert.IsType<RunEvent.Training>(events[1]).Episodes);
        Assert.Equal([1, 2, 3], events.OfType<RunEvent.Stepped>().Select(stepped => stepped.Step.Step));
        Assert.Equal(TrainOutcome.Completed, events.OfType<RunEvent.Trained>().Single().Outcome);
        Assert.Equal([1, 2], events.OfType<RunEvent.Played>().Select(played => played.Done));
    }

    [Fact]
    public void ACancelledDemoIsSavedAndGoesOn()
    {
        var run = new RunFolder(folder);
        using var source = new CancellationTokenSource();
        DemoResult result = DemoRun.Execute(folder, new DemoOptions { Steps = 5 }, now =>
        {
            if (now is RunEvent.Stepped { Step.Step: 2 })
                source.Cancel();
        }, source.Token);
        Assert.Equal(new DemoResult(TrainOutcome.Interrupted, null), result);
        Assert.False(File.Exists(run.Report));
        using var resumed = new TwoRoomRun(run, run.ReadConfig(), Device.Cpu);
        Assert.Equal(TrainOutcome.Completed,
            resumed.Train(new RunFolderOptions { Resume = true }, TestContext.Current.CancellationToken));
        Assert.Equal([1, 2, 3, 4, 5], run.ReadLog().Select(step => step.Step));
    }

    /// <summary>The report's numbers but for what a clock says.</summary>
    private static string Untimed(RunFolder run)
    {
        JsonObject data = JsonNode.Parse(File.ReadAllText(run.Data))!.AsObject();
        Assert.True(data.Remove("created") && data.Remove("stages"));
        return data.ToJsonString();
    }
}
