using System.Diagnostics;
using System.Security.Cryptography;
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

    // What the model is of; null where the folder holds none of it.
    private RunCheckpoint? checkpoint;

    /// <summary>
    /// Trains a new model, or goes on with the folder's, into the folder's log and checkpoints; what is cancelled is
    /// saved. Without episodes of others it records its own, of held random actions.
    /// </summary>
    /// <param name="options">Null for a new run into a folder that holds none.</param>
    /// <param name="cancellation">Ends training between two steps.</param>
    /// <exception cref="ArgumentException">The options or the recipe cannot be, the folder holds a run and neither
    /// resuming nor overwriting was asked for, or the run that is resumed was configured otherwise.</exception>
    /// <exception cref="BadFileException">A file is missing or damaged, the episodes do not fit the model or the run,
    /// or another process trains into the folder.</exception>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    public TrainOutcome Train(RunFolderOptions? options = null, CancellationToken cancellation = default)
    {
        options ??= new RunFolderOptions();
        options.Validate();
        config.Train.Validate(config.Model.History);
        var takeover = new RunTakeover(folder);
        takeover.Require(options);
        using var held = new RunLock(folder);
        // Another process may have trained into it meanwhile.
        takeover.Require(options);
        RunCheckpoint? earlier = options.Resume ? folder.Read() : null;
        options = options with { Data = options.Data ?? earlier?.DataPath };
        using EpisodeFile episodes = OpenEpisodes(options.Data, earlier);
        int numbers = episodes.Format.ActionSize, skip = config.Train.FrameSkip, width = config.Model.ActionWidth;
        if (numbers * skip != width)
        {
            throw new BadFileException(episodes.Path, $"its actions have {numbers} numbers, {skip} of which do not "
                + $"make model.actionWidth {width}; change train.frameSkip or model.actionWidth");
        }
        if (config.Train.ScaleActions)
            config = config with { Model = config.Model with { ActionScale = episodes.ActionScale() } };
        if (earlier?.Config.Difference(config) is { } difference)
        {
            throw new ArgumentException($"a resumed run is the same run, but of {folder.Root} {difference}; leave the "
                + "option out, or start a new run");
        }
        if (options.Resume && folder.ReadConfig().PlannerDifference(config) is { } other)
        {
            throw new ArgumentException($"a resumed run keeps its planner, but of {folder.Root} {other}; leave the "
                + $"option out, or change the planner in {folder.Config}");
        }
        if (earlier?.Device is { } before && before != RunCheckpoint.Name(device))
            progress?.Invoke(new RunEvent.OtherDevice(before, RunCheckpoint.Name(device)));
        checkpoint = null;
        model?.Dispose();
        model = options.Resume ? LeWorldModelCheckpoint.Load(folder.Model, device) : Create();
        progress?.Invoke(new RunEvent.Training(model.ParameterCount, episodes.Count, device.Backend.Description));
        return Time("train", () => Train(held, model, episodes, options, cancellation));
    }

    /// <summary>
    /// Measures the model on episodes it has not seen, plays the same tasks with the planner, at random and with the
    /// expert, and writes report.json and report.html.
    /// </summary>
    /// <exception cref="ArgumentException">The options cannot be, or the held-out episodes are not the
    /// run's.</exception>
    /// <exception cref="BadFileException">The folder holds no trained model, that of another configuration, or another
    /// one at the end than at the start.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public DemoReportData Evaluate(ClosedLoopOptions options, CancellationToken cancellation = default)
    {
        (LeWorldModel model, RunCheckpoint checkpoint) = Load();
        List<TrainStep> log = folder.ReadLog(checkpoint);
        using EpisodeFile heldOut = OpenHeldOut();
        ModelDiagnostics diagnostics = Time("probe", () => Diagnose(model, heldOut));
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
        DemoReportData data = new ReportBuilder(folder, config, checkpoint, log, heldOut, model, planner, diagnostics)
            .Build(policies, times);
        if (folder.Read().Run != checkpoint.Run)
        {
            throw new BadFileException(folder.Model, "another run took its place while it was measured; measure again: "
                + $"jepa eval {folder.Root}");
        }
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

    /// <summary>The folder's model, and what it is of, from one file: the next checkpoint may take its place.</summary>
    private (LeWorldModel Model, RunCheckpoint Checkpoint) Load()
    {
        if (model is not null && checkpoint is not null)
            return (model, checkpoint);
        using ModelFile file = ModelFile.Open(folder.Model);
        RunCheckpoint found = RunCheckpoint.Of(file.File);
        if (found.Config.Difference(config) is { } difference)
        {
            throw new BadFileException(folder.Model, $"it is of another run than the one to measure: {difference}; "
                + $"measure again: jepa eval {folder.Root}");
        }
        model?.Dispose();
        model = (LeWorldModel)file.LoadTrainable(device);
        checkpoint = found;
        return (model, found);
    }

    private EpisodeFile OpenEpisodes(string? data, RunCheckpoint? earlier)
    {
        string lies = data ?? folder.Episodes, path = lies;
        if (data is null && (earlier is null || !File.Exists(lies)))
        {
            // Those of a new run take their place with its first checkpoint.
            path = new RunTakeover(folder).Episodes;
            Time("record", () =>
            {
                progress?.Invoke(new RunEvent.Recording(RecordedEpisodes));
                TwoRoom world = CreateWorld();
                EpisodeRecorder.Record(path, world, random => new HeldRandomPolicy(world, random), RecordedEpisodes,
                    EpisodeSteps, new PhiloxKey(config.Train.Seed, 3));
                return true;
            });
        }
        EpisodeFile episodes = EpisodeFile.Open(path);
        if (earlier is null)
            return episodes;
        if (episodes.Checksum() != earlier.Data)
        {
            episodes.Dispose();
            throw new BadFileException(lies, $"it is not what the run in {folder.Root} learned from: its SHA-256 is "
                + $"not {earlier.Data}; give that file with --data"
                + (data is null ? ", or move this one away: the run records its own again" : ""));
        }
        if (path != lies)
            File.Move(path, lies);
        return episodes;
    }

    private EpisodeFile OpenHeldOut()
    {
        using var own = new MemoryStream();
        TwoRoom world = CreateWorld();
        var format = new EpisodeFormat(world.Name, world.StateSize, world.ActionLow.Length);
        using (var writer = new EpisodeFileWriter(own, format))
        {
            EpisodeRecorder.Record(writer, world, random => new HeldRandomPolicy(world, random), HeldOutEpisodes,
                EpisodeSteps, new PhiloxKey(config.Train.Seed + 1_000_003, 3));
            writer.Complete();
        }
        if (!File.Exists(folder.HeldOut))
            AtomicFile.Write(folder.HeldOut, own.WriteTo);
        else if (!Holds(folder.HeldOut, Convert.ToHexStringLower(SHA256.HashData(own.ToArray()))))
        {
            throw new ArgumentException(
                $"{folder.HeldOut} is not what the run records to be measured on; move it away");
        }
        return EpisodeFile.Open(folder.HeldOut);
    }

    private static bool Holds(string path, string checksum)
    {
        try
        {
            using EpisodeFile file = EpisodeFile.Open(path);
            return file.Checksum() == checksum;
        }
        catch (BadFileException)
        {
            return false;
        }
    }

    private TrainOutcome Train(
        RunLock held, LeWorldModel trained, EpisodeFile episodes, RunFolderOptions options,
        CancellationToken cancellation)
    {
        var sampler = new WindowSampler(episodes, CreateWorld(), config.Train.Frames, config.Train.FrameSkip);
        using var trainer = new Trainer(new LeWorldModelRecipe(trained, sampler, config.Train));
        if (options.Resume)
        {
            trainer.Resume(folder.Model);
            _ = folder.ReadLog();
        }
        Dictionary<string, string> notes = RunCheckpoint.Notes(
            config, device, options.Data is { } data ? Path.GetFullPath(data) : null);
        using var writer = new RunWriter(folder, held, config, options, trainer, notes, progress);
        TrainOutcome outcome;
        try
        {
            outcome = trainer.Run(step =>
            {
                writer.Add(step);
                progress?.Invoke(new RunEvent.Stepped(step));
            }, cancellation);
        }
        catch
        {
            writer.Rescue();
            throw;
        }
        if (outcome != TrainOutcome.Diverged)
            writer.Finish();
        if (outcome == TrainOutcome.Completed && !writer.HasBegun)
            outcome = TrainOutcome.Diverged;
        if (outcome != TrainOutcome.Diverged && writer.HasBegun)
            checkpoint = folder.Read();
        progress?.Invoke(new RunEvent.Trained(outcome, trainer.Progress.Skipped, writer.HasBegun));
        return outcome;
    }

    private ModelDiagnostics Diagnose(LeWorldModel measured, EpisodeFile heldOut)
    {
        var sampler = new WindowSampler(heldOut, CreateWorld(), HeldOutBlocks + 1, config.Train.FrameSkip);
        var key = new PhiloxKey(config.Train.Seed, 4);
        return ModelDiagnostics.Measure(
            measured, sampler, HeldOutBlocks + 1, heldOut.Format.StateSize, HeldOutWindows, key);
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

    private T Time<T>(string name, Func<T> work)
    {
        long start = Stopwatch.GetTimestamp();
        T result = work();
        times.Add(new Stage(name, Stopwatch.GetElapsedTime(start).TotalSeconds));
        return result;
    }
}
