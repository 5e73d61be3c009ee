using System.Diagnostics;
using JepaEngine.Jepa.Checkpoints;
using JepaEngine.Jepa.Data;
using JepaEngine.Jepa.Environments;
using JepaEngine.Jepa.Models;
using JepaEngine.Jepa.Planning;
using JepaEngine.Jepa.Reporting;
using JepaEngine.Jepa.Training;

namespace JepaEngine.Jepa.Runs;

/// <summary>
/// The parts of a LeWorldModel's run in TwoRoom, to be strung together; each writes into the run's folder.
/// </summary>
/// <param name="folder">Where the run lies.</param>
/// <param name="config">Everything that decides it.</param>
/// <param name="device">Where it computes.</param>
/// <param name="progress">Told what happens.</param>
public sealed class TwoRoomRun(
    RunFolder folder, RunConfig config, Device device, Action<RunEvent>? progress = null) : IDisposable
{
    private const int RecordedEpisodes = 1000, EpisodeSteps = 60;

    /// <summary>Blocks the held-out windows look ahead: 40 environment steps.</summary>
    private const int HeldOutBlocks = 8;

    private const int HeldOutEpisodes = 200, HeldOutWindows = 1000;

    private readonly List<Stage> times = [];
    private RunConfig config = config;
    private LeWorldModel? model;

    /// <summary>Records episodes of held random actions to learn from.</summary>
    /// <exception cref="ArgumentException">No world has frames of the model's size.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void Record() => Time("record", () =>
    {
        progress?.Invoke(new RunEvent.Recording(RecordedEpisodes));
        Directory.CreateDirectory(folder.Root);
        Record(folder.Episodes, RecordedEpisodes, config.Train.Seed);
        return 0;
    });

    /// <summary>
    /// Trains a new model, or the folder's, into the folder's log and model file; what is cancelled is saved.
    /// </summary>
    /// <param name="data">Episodes to learn from; null for those of the folder, recorded where there are none.</param>
    /// <param name="resume">Whether to go on where the run in the folder stopped.</param>
    /// <param name="cancellation">Ends training between two steps.</param>
    /// <exception cref="ArgumentException">The recipe cannot be.</exception>
    /// <exception cref="BadFileException">A file is missing or damaged, or the episodes do not fit the
    /// model.</exception>
    public TrainOutcome Train(string? data = null, bool resume = false, CancellationToken cancellation = default)
    {
        config.Train.Validate(config.Model.History);
        if (data is null && !File.Exists(folder.Episodes))
            Record();
        using EpisodeFile episodes = EpisodeFile.Open(data ?? folder.Episodes);
        int numbers = episodes.Format.ActionSize, skip = config.Train.FrameSkip, width = config.Model.ActionWidth;
        if (numbers * skip != width)
        {
            throw new BadFileException(episodes.Path, $"its actions have {numbers} numbers, {skip} of which do not "
                + $"make model.actionWidth {width}; change train.frameSkip or model.actionWidth");
        }
        if (config.Train.ScaleActions && !resume)
            config = config with { Model = config.Model with { ActionScale = episodes.ActionScale() } };
        model?.Dispose();
        model = resume ? LeWorldModelCheckpoint.Load(folder.Model, device) : Create();
        config.Write(folder.Config);
        progress?.Invoke(new RunEvent.Training(model.ParameterCount, episodes.Count, device.Backend.Description));
        return Time("train", () => Train(model, episodes, resume, cancellation));
    }

    /// <summary>
    /// Measures the model on episodes it has not seen, plays the same tasks with the planner, at random and with the
    /// expert, and writes report.json and report.html.
    /// </summary>
    /// <exception cref="BadFileException">The folder holds no trained model.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public DemoReportData Evaluate(ClosedLoopOptions options, CancellationToken cancellation = default)
    {
        model ??= LeWorldModelCheckpoint.Load(folder.Model, device);
        ModelDiagnostics diagnostics = Time("probe", Diagnose);
        using var world = new LeWorldModelAdaptor(model);
        using var planner = new LatentPlanner(world, config.Planner);
        options = options with { Traced = ReportBuilder.Traces };
        EpisodeResult[] planned = Time("plan", () => Play(world, options, cancellation));
        TwoRoom rooms = CreateWorld();
        EpisodeResult[] random = ClosedLoop.Play(rooms, (_, draws) => new HeldRandomPolicy(rooms, draws), options);
        EpisodeResult[] expert = ClosedLoop.Play(rooms, (task, _) => new ExpertPolicy(task.Goal), options);
        (string, EpisodeResult[])[] policies =
        [
            ("LeWorldModel, planning", planned),
            ("Random (held actions)", random),
            ("Expert (sees the state)", expert),
        ];
        DemoReportData data = new ReportBuilder(folder, config, model, planner, diagnostics).Build(policies, times);
        AtomicFile.WriteText(folder.Data, data.ToJson());
        folder.Render(data);
        return data;
    }

    /// <summary>Gives the model's memory back.</summary>
    public void Dispose() => model?.Dispose();

    private TwoRoom CreateWorld() => new(config.Model.ImageSize);

    private LeWorldModel Create()
    {
        var created = new LeWorldModel(config.Model);
        created.Allocate(device, config.Train.Seed);
        return created;
    }

    private TrainOutcome Train(LeWorldModel trained, EpisodeFile episodes, bool resume, CancellationToken cancellation)
    {
        var sampler = new WindowSampler(episodes, CreateWorld(), config.Train.Frames, config.Train.FrameSkip);
        using var trainer = new Trainer(new LeWorldModelRecipe(trained, sampler, config.Train));
        if (resume)
            trainer.Resume(folder.Model);
        using var log = new StreamWriter(folder.Log, append: resume);
        TrainOutcome outcome = trainer.Run(step =>
        {
            log.WriteLine(step.ToJson());
            log.Flush();
            progress?.Invoke(new RunEvent.Stepped(step));
        }, cancellation);
        if (outcome != TrainOutcome.Diverged)
            trainer.Save(folder.Model);
        progress?.Invoke(new RunEvent.Trained(outcome, trainer.Skipped));
        return outcome;
    }

    private ModelDiagnostics Diagnose()
    {
        if (!File.Exists(folder.HeldOut))
            Record(folder.HeldOut, HeldOutEpisodes, config.Train.Seed + 1_000_003);
        using EpisodeFile heldOut = EpisodeFile.Open(folder.HeldOut);
        var sampler = new WindowSampler(heldOut, CreateWorld(), HeldOutBlocks + 1, config.Train.FrameSkip);
        var key = new PhiloxKey(config.Train.Seed, 4);
        return ModelDiagnostics.Measure(
            model!, sampler, HeldOutBlocks + 1, heldOut.Format.StateSize, HeldOutWindows, key);
    }

    private EpisodeResult[] Play(IWorldModel world, ClosedLoopOptions options, CancellationToken cancellation)
    {
        int done = 0, reached = 0;
        return ClosedLoop.Play(world, config.Planner, CreateWorld, options, result =>
        {
            reached += result.Success ? 1 : 0;
            progress?.Invoke(new RunEvent.Played(++done, options.Episodes, reached));
        }, cancellation);
    }

    private void Record(string path, int episodes, ulong seed)
    {
        TwoRoom world = CreateWorld();
        EpisodeRecorder.Record(path, world, random => new HeldRandomPolicy(world, random), episodes, EpisodeSteps,
            new PhiloxKey(seed, 3));
    }

    private T Time<T>(string name, Func<T> work)
    {
        long start = Stopwatch.GetTimestamp();
        T result = work();
        times.Add(new Stage(name, Stopwatch.GetElapsedTime(start).TotalSeconds));
        return result;
    }
}
