using JepaEngine.Jepa.Data;
using JepaEngine.Jepa.Environments;
using JepaEngine.Jepa.Models;
using JepaEngine.Jepa.Numerics;
using JepaEngine.Jepa.Planning;
using JepaEngine.Jepa.Reporting;
using JepaEngine.Jepa.Training;

namespace JepaEngine.Jepa.Runs;

/// <summary>Gathers what the report shows of a run.</summary>
internal sealed class ReportBuilder(
    RunFolder folder, RunConfig config, RunCheckpoint checkpoint, IReadOnlyList<TrainStep> steps, EpisodeFile recorded,
    LeWorldModel model, LatentPlanner planner, ModelDiagnostics diagnostics)
{
    /// <summary>Episodes shown from above.</summary>
    public const int Traces = 6;

    private const int MapFrames = 6, MeanFrames = 100, EnergyGrid = 33;

    /// <summary>Blocks an action is held in the energy map: the piece of road that one plan carries out.</summary>
    private const int EnergyBlocks = 2;

    public DemoReportData Build((string Name, EpisodeResult[] Results)[] policies, IReadOnlyList<Stage> stages)
    {
        List<TrainStep> log = [.. steps.Where(step => !step.Skipped)];
        EpisodeResult[] planned = policies[0].Results;
        return new DemoReportData
        {
            Created = DateTime.UtcNow.ToString("yyyy-MM-dd HH:mm 'UTC'"),
            Checkpoint = checkpoint.Id,
            Parameters = (int)model.ParameterCount,
            RecordedStates = (int)RecordedStates(),
            Machine = MachineFacts.Of(model.Device),
            Settings = Settings(),
            Stages = [.. stages],
            Policies = [.. policies.Select(policy => new PolicyResult(policy.Name, Groups(policy.Results)))],
            Prediction = CurveOf(log, "prediction"),
            SigReg = CurveOf(log, "sigReg"),
            EffectiveRank = CurveOf(log, "effectiveRank"),
            Spectrum = [.. diagnostics.Spectrum.Eigenvalues.Select(value => (float)value)],
            PatchMaps = PatchMaps(),
            Traces = [.. planned.Take(Traces).Select(Trace)],
            Energy = Energy(planned[Math.Min(1, planned.Length - 1)], Math.Min(1, planned.Length - 1)),
            Checks = Checks(log, planned),
        };
    }

    private long RecordedStates()
    {
        if (!File.Exists(folder.Episodes))
            return 0;
        using EpisodeFile file = EpisodeFile.Open(folder.Episodes);
        return Enumerable.Range(0, file.Count).Sum(episode => file.Steps(episode) + 1L);
    }

    private Setting[] Settings() =>
    [
        new("seed", config.Train.Seed.ToString()),
        new("frames", $"{config.Model.ImageSize} x {config.Model.ImageSize} pixels, {config.Model.Tokens} patches"),
        new("encoder", $"{config.Model.EncoderDepth} blocks of width {config.Model.EncoderWidth}"),
        new("embedding", $"{config.Model.EmbeddingWidth} numbers"),
        new("predictor", $"{config.Model.PredictorDepth} AdaLN blocks, history {config.Model.History}"),
        new("training", $"{config.Train.Steps} steps of {config.Train.Batch} windows of {config.Train.Frames} frames"),
        new("learning rate", $"{config.Train.LearningRate}"),
        new("SIGReg", $"weight {config.Train.SigRegWeight}, {config.Train.Slices} directions"),
        new("planner", $"CEM, {config.Planner.Cem.Candidates} candidates x {config.Planner.Cem.Iterations} iterations, {config.Planner.Cem.Horizon} blocks ahead"),
    ];

    private static GroupResult[] Groups(EpisodeResult[] results) =>
    [
        .. results.GroupBy(result => result.Task.Kind).OrderBy(group => group.Key, StringComparer.Ordinal).Select(group => new GroupResult(
            group.Key, group.Count(result => result.Success), group.Count(),
            group.Where(result => result.Success).Select(result => (double)result.Steps).DefaultIfEmpty(double.NaN).Average())),
    ];

    private static Curve CurveOf(List<TrainStep> log, string figure)
    {
        TrainStep[] steps = [.. log.Where(step => step[figure] is not null)];
        return new Curve([.. steps.Select(step => (float)step.Step)], [.. steps.Select(step => (float)step[figure]!)]);
    }

    private EpisodeTrace Trace(EpisodeResult result) => new(result.Task.Kind, result.Success, result.Task.Start, result.Task.Goal, result.Path[2..],
        [.. result.Imagined.Select(z => UntilNearest(diagnostics.Probe.Read(z), result.Task.Goal))]);

    /// <summary>A path up to its point nearest to the goal: the planner's cost looks at how near a path comes, not at where it goes after.</summary>
    private static float[] UntilNearest(float[] path, float[] goal)
    {
        int nearest = Enumerable.Range(0, path.Length / 2).MinBy(i => MathF.Pow(path[2 * i] - goal[0], 2) + MathF.Pow(path[2 * i + 1] - goal[1], 2));
        return path[..(2 * nearest + 2)];
    }

    /// <summary>
    /// The tokens of a few frames less what each place shows on average over many: the place itself would be nearly all that three components show.
    /// </summary>
    private PatchMap[] PatchMaps()
    {
        TwoRoom world = new(config.Model.ImageSize);
        int size = config.Model.ImageSize, grid = size / config.Model.Patch, bytes = size * size * 3, numbers = grid * grid * config.Model.EncoderWidth;
        byte[] frames = new byte[MeanFrames * bytes];
        for (int i = 0; i < MeanFrames; i++)
        {
            world.SetState(recorded.States(i)[..world.StateSize]);
            world.Render(frames.AsSpan(i * bytes, bytes));
        }
        using var scope = new TensorScope(model.Device, "patch maps");
        float[] tokens = model.Encode(scope.FromRaw<byte>(frames, [MeanFrames, size, size, 3]).Permute(0, 3, 1, 2)).ToArray<float>();
        for (int i = 0; i < numbers; i++)
        {
            float mean = 0;
            for (int n = 0; n < MeanFrames; n++)
                mean += tokens[n * numbers + i] / MeanFrames;
            for (int n = 0; n < MeanFrames; n++)
                tokens[n * numbers + i] -= mean;
        }
        float[] components = Spectrum.Of(tokens, config.Model.EncoderWidth).Project(tokens.AsSpan(0, MapFrames * numbers), 3);
        int shown = grid * grid * 3;
        return
        [
            .. Enumerable.Range(0, MapFrames).Select(i => new PatchMap(size, frames[(i * bytes)..((i + 1) * bytes)], grid,
                components[(i * shown)..((i + 1) * shown)])),
        ];
    }

    private EnergyLandscape? Energy(EpisodeResult episode, int trace)
    {
        if (config.Planner.Cem.ActionSize != 2)
            return null;
        TwoRoom world = new(config.Model.ImageSize);
        byte[] frames = new byte[2 * world.Height * world.Width * 3];
        world.SetState(episode.Task.Start);
        world.Render(frames.AsSpan(0, frames.Length / 2));
        world.SetState(episode.Task.Goal);
        world.Render(frames.AsSpan(frames.Length / 2));
        float[] actions = new float[EnergyGrid * EnergyGrid * 2];
        for (int i = 0; i < EnergyGrid * EnergyGrid; i++)
        {
            actions[2 * i] = -1 + 2f * (i % EnergyGrid) / (EnergyGrid - 1);
            actions[2 * i + 1] = -1 + 2f * (i / EnergyGrid) / (EnergyGrid - 1);
        }
        using var scope = new TensorScope(model.Device, "energy");
        Tensor both = planner.Encode(scope, frames);
        Tensor start = both.Slice(0, 0, 1), goal = both.Slice(0, 1, 1);
        float[] costs = planner.Landscape(start, goal, EnergyBlocks, actions);
        float[] plan = new float[config.Planner.Cem.Horizon * 2], cost = new float[1];
        planner.Plan(start, goal, [new PhiloxKey(config.Train.Seed, 5)], plan, cost);
        return new EnergyLandscape(EnergyGrid, costs, [plan[0], plan[1]], trace);
    }

    /// <summary>What was measured; only a model of the demo's sizes is held to the demo's figures.</summary>
    private Check[] Checks(List<TrainStep> log, EpisodeResult[] planned)
    {
        double share = 100.0 * planned.Count(result => result.Success) / planned.Length;
        // The log is best effort: what it does not hold is no number.
        TrainStep? last = log.LastOrDefault();
        Check[] checks =
        [
            new("Goals reached", share, 95, null, " %"),
            new("Probe R²", diagnostics.ProbeRSquared, 0.97, null),
            new("Probe error", diagnostics.ProbeError, null, 10, " px"),
            new("Effective rank", diagnostics.Spectrum.EffectiveRank, 9, 17),
            new("Error, one block", diagnostics.OneBlockError, null, 0.035),
            new($"Error, {diagnostics.Blocks} blocks", diagnostics.LastBlockError, null, 0.15),
            new("Prediction loss", last?["prediction"] ?? double.NaN, null, 0.035),
            new("SIGReg", last?["sigReg"] ?? double.NaN, 1.5, 2.6),
        ];
        return config.IsDemo ? checks : [.. checks.Where(check => !double.IsNaN(check.Value))
            .Select(check => check with { Low = null, High = null })];
    }
}
