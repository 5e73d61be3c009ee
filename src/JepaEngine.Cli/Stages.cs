using System.Diagnostics;
using JepaEngine.Jepa.Data;
using JepaEngine.Jepa.Environments;
using JepaEngine.Jepa.Models;
using JepaEngine.Jepa.Planning;
using JepaEngine.Jepa.Reporting;
using JepaEngine.Jepa.Training;
using JepaEngine.Primitives;

namespace JepaEngine.Cli;

/// <summary>The parts that a run is made of; each verb strings some of them together. Remembers how long each took.</summary>
internal sealed class Stages(RunFolder folder, RunConfig config, Output output)
{
    /// <summary>Episodes recorded to learn from, and the steps of each.</summary>
    public const int RecordedEpisodes = 1000, EpisodeSteps = 60;

    /// <summary>Blocks the held-out windows look ahead: 40 environment steps.</summary>
    private const int HeldOutBlocks = 8;

    private const int HeldOutEpisodes = 200, HeldOutWindows = 1000;

    private readonly List<Stage> times = [];

    /// <summary>How long each part took, in order.</summary>
    public IReadOnlyList<Stage> Times => times;

    /// <summary>A new world whose frames fit the model.</summary>
    public TwoRoom CreateWorld()
    {
        try
        {
            return new TwoRoom(config.Model.ImageSize);
        }
        catch (ArgumentOutOfRangeException error)
        {
            throw new UsageException(error.Message);
        }
    }

    /// <summary>Records episodes of held random actions; frames are drawn from the states when they are needed.</summary>
    public void Record() => Time("record", () =>
    {
        Directory.CreateDirectory(folder.Root);
        Record(folder.Episodes, RecordedEpisodes, config.Train.Seed);
        return 0;
    });

    /// <summary>Trains into the folder's log and model file; a cancelled run is saved.</summary>
    public TrainOutcome Train(LeWorldModel model, EpisodeFile episodes, bool resume, CancellationToken cancellation) => Time("train", () =>
    {
        using var trainer = new Trainer(new LeWorldModelRecipe(
            model, new WindowSampler(episodes, CreateWorld(), config.Train.Frames, config.Train.FrameSkip), config.Train));
        if (resume)
            trainer.Resume(folder.Model);
        using var log = new StreamWriter(folder.Log, append: resume);
        TrainOutcome outcome = trainer.Run(step =>
        {
            string line = step.ToJson();
            log.WriteLine(line);
            log.Flush();
            output.Record(line);
            output.Line(step.ToString());
        }, cancellation);
        if (outcome != TrainOutcome.Diverged)
            trainer.Save(folder.Model);
        if (trainer.Skipped > 0)
            output.Line($"{trainer.Skipped} steps were skipped because loss or gradient were not finite.");
        return outcome;
    });

    /// <summary>Measures the model on episodes it has not seen.</summary>
    public ModelDiagnostics Diagnose(LeWorldModel model) => Time("probe", () =>
    {
        if (!File.Exists(folder.HeldOut))
            Record(folder.HeldOut, HeldOutEpisodes, config.Train.Seed + 1_000_003);
        using EpisodeFile heldOut = EpisodeFile.Open(folder.HeldOut);
        var sampler = new WindowSampler(heldOut, CreateWorld(), HeldOutBlocks + 1, config.Train.FrameSkip);
        return ModelDiagnostics.Measure(model, sampler, HeldOutBlocks + 1, heldOut.Format.StateSize, HeldOutWindows, new PhiloxKey(config.Train.Seed, 4));
    });

    /// <summary>Plays the same episodes with the planner, at random, and with the expert.</summary>
    public (string Name, EpisodeResult[] Results)[] Evaluate(LeWorldModel model, ClosedLoopOptions options, CancellationToken cancellation)
    {
        int done = 0, reached = 0;
        EpisodeResult[] planned = Time("plan", () => ClosedLoop.Play(new LeWorldModelAdaptor(model), config.Planner, CreateWorld, options, result =>
        {
            done++;
            reached += result.Success ? 1 : 0;
            if (done % 20 == 0 || done == options.Episodes)
                output.Line($"episodes {done,4}/{options.Episodes} | reached {reached} ({100.0 * reached / done:0.0} %)");
        }, cancellation));
        TwoRoom world = CreateWorld();
        return
        [
            ("LeWorldModel, planning", planned),
            ("Random (held actions)", ClosedLoop.Play(world, (_, random) => new HeldRandomPolicy(world, random), options)),
            ("Expert (sees the state)", ClosedLoop.Play(world, (task, _) => new ExpertPolicy(task.Goal), options)),
        ];
    }

    private void Record(string path, int episodes, ulong seed)
    {
        TwoRoom world = CreateWorld();
        EpisodeRecorder.Record(path, world, random => new HeldRandomPolicy(world, random), episodes, EpisodeSteps, new PhiloxKey(seed, 3));
    }

    private T Time<T>(string name, Func<T> work)
    {
        long start = Stopwatch.GetTimestamp();
        T result = work();
        times.Add(new Stage(name, Stopwatch.GetElapsedTime(start).TotalSeconds));
        return result;
    }
}
