using JepaEngine.Jepa.Planning;
using JepaEngine.Jepa.Reporting;
using JepaEngine.Jepa.Training;

namespace JepaEngine.Jepa.Runs;

/// <summary>What can be chosen of a <see cref="DemoRun"/>.</summary>
public sealed record DemoOptions
{
    /// <summary>Decides data and training.</summary>
    public ulong Seed { get; init; }

    /// <summary>Training steps.</summary>
    public int Steps { get; init; } = TrainOptions.Demo.Steps;

    /// <summary>Episodes to play.</summary>
    public int Episodes { get; init; } = 200;

    /// <summary>Whether a run that the folder holds may be replaced.</summary>
    public bool Overwrite { get; init; }

    /// <summary>Where it computes.</summary>
    public Device Device { get; init; } = Device.Cpu;
}

/// <summary>How a demo ended.</summary>
/// <param name="Outcome">How training ended.</param>
/// <param name="Report">What was measured; null where training was not completed.</param>
public sealed record DemoResult(TrainOutcome Outcome, DemoReportData? Report);

/// <summary>From nothing to a world model that plans: what <c>jepa demo</c> does.</summary>
public static class DemoRun
{
    /// <summary>Records, trains, probes, plays and writes the report into a folder.</summary>
    /// <param name="folder">Made if need be.</param>
    /// <param name="options">Null for the demo as it is.</param>
    /// <param name="progress">Told what happens.</param>
    /// <param name="cancellation">Ends training between two steps, and saves; or the evaluation between two
    /// plans.</param>
    /// <exception cref="ArgumentException">The options cannot be, or the folder holds a run that may not be
    /// replaced.</exception>
    /// <exception cref="IOException">A file cannot be written.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled after training.</exception>
    public static DemoResult Execute(string folder, DemoOptions? options = null, Action<RunEvent>? progress = null,
        CancellationToken cancellation = default)
    {
        options ??= new DemoOptions();
        TrainOptions train = TrainOptions.Demo with { Seed = options.Seed, Steps = options.Steps };
        RunConfig config = RunConfig.Demo with { Train = train };
        using var run = new TwoRoomRun(new RunFolder(folder), config, options.Device, progress);
        TrainOutcome outcome = run.Train(new RunFolderOptions { Overwrite = options.Overwrite }, cancellation);
        if (outcome != TrainOutcome.Completed)
            return new DemoResult(outcome, null);
        var play = new ClosedLoopOptions { Episodes = options.Episodes };
        return new DemoResult(outcome, run.Evaluate(play, cancellation));
    }
}
