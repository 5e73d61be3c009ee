using JepaEngine.Jepa.Data;
using JepaEngine.Jepa.Models;
using JepaEngine.Jepa.Planning;
using JepaEngine.Jepa.Training;

namespace JepaEngine.Jepa.Benchmarking;

/// <summary>Models of published size, and the demo's, with random weights: what is measured of them, through the API a user has.</summary>
internal static class BenchModels
{
    /// <summary>Names that <c>--model</c> takes.</summary>
    public static IReadOnlyList<string> Names { get; } =
        ["ijepa-vith", "vjepa2-vitl-2", "vjepa2-vitl-16", "vjepa2-vitl-64", "lewm-train", "lewm-plan", "demo-train", "demo-plan"];

    /// <summary>The row of a model on a device.</summary>
    public static BenchCase Of(string model, Device device)
    {
        // 128 windows of activations fit into a GPU's memory, 8 into a processor's.
        int batch = device.IsHost ? 8 : 128;
        return model switch
        {
            "ijepa-vith" => Encoder(model, IJepa.Huge14, 1, device),
            "vjepa2-vitl-2" => Encoder(model, VJepa2.Large256, 2, device),
            "vjepa2-vitl-16" => Encoder(model, VJepa2.Large256, 16, device),
            "vjepa2-vitl-64" => Encoder(model, VJepa2.Large256, 64, device),
            "lewm-train" => Training(model, LeWorldModelConfig.Published, TrainOptions.Published with { Batch = batch }, device),
            "lewm-plan" => Planning(model, LeWorldModelConfig.Published, LatentPlannerOptions.Published, device),
            "demo-train" => Training(model, LeWorldModelConfig.Demo, TrainOptions.Demo, device),
            "demo-plan" => Planning(model, LeWorldModelConfig.Demo, LatentPlannerOptions.Demo, device),
            _ => throw new ArgumentException($"no model is called '{model}'; there are {string.Join(", ", Names)}", nameof(model)),
        };
    }

    private static BenchCase Encoder(string name, JepaConfig config, int frames, Device device) =>
        new(name, "encode", device, null, () => new EncodeWork(device, config with { Predictor = null }, frames));

    /// <summary>As <c>lewm-train 128x4</c>: windows and their frames.</summary>
    private static BenchCase Training(string name, LeWorldModelConfig config, TrainOptions options, Device device) =>
        new($"{name} {options.Batch}x{options.Frames}", "step", device, null, () => new TrainWork(device, config, options));

    /// <summary>As <c>lewm-plan 300x30x5</c>: candidates, iterations and actions.</summary>
    private static BenchCase Planning(string name, LeWorldModelConfig config, LatentPlannerOptions options, Device device) =>
        new($"{name} {options.Cem.Candidates}x{options.Cem.Iterations}x{options.Cem.Horizon}", "plan", device, null, () => new PlanWork(device, config, options));
}

/// <summary>An encoder's forward pass over one picture or clip that lies on the device.</summary>
internal sealed class EncodeWork : BenchWork
{
    private readonly JepaModel model;
    private readonly Tensor pixels;

    public EncodeWork(Device device, JepaConfig config, int frames) : base(device, "encode")
    {
        model = JepaModel.Create(config);
        model.Allocate(device, seed: 1);
        int side = config.ImageSize;
        pixels = Memory.RandomNormal(config.Family.Sight == Sight.Picture ? [1, 3, side, side] : [1, frames, 3, side, side], new PhiloxKey(2));
    }

    public override void Run()
    {
        using var scope = new TensorScope(Memory.Device, "run");
        model.Encode(scope.Use(pixels));
    }

    public override void Dispose()
    {
        model.Dispose();
        base.Dispose();
    }
}

/// <summary>A training step of LeWorldModel, from the batch in the host's memory to the moved parameters.</summary>
internal sealed class TrainWork : BenchWork
{
    private const int Episodes = 16, Steps = 20, ActionSize = 2;

    private readonly string path = Path.Combine(Path.GetTempPath(), $"jepa-bench-{Guid.NewGuid():N}.jepa");
    private readonly EpisodeFile episodes;
    private readonly LeWorldModel model;
    private readonly Trainer trainer;

    public TrainWork(Device device, LeWorldModelConfig config, TrainOptions options) : base(device, "train")
    {
        WriteNoise(path, config.ImageSize);
        episodes = EpisodeFile.Open(path);
        model = new LeWorldModel(config);
        model.Allocate(device, seed: 1);
        var sampler = new WindowSampler(episodes, null, options.Frames, options.FrameSkip);
        trainer = new Trainer(new LeWorldModelRecipe(model, sampler, options));
    }

    public override void Run() => trainer.Advance();

    public override void Dispose()
    {
        trainer.Dispose();
        model.Dispose();
        episodes.Dispose();
        File.Delete(path);
        base.Dispose();
    }

    /// <summary>Writes episodes of noise. Frames are stored, as those of a recorded data set: drawing them would be the environment's time.</summary>
    internal static void WriteNoise(string path, int size)
    {
        using var writer = new EpisodeFileWriter(path, new EpisodeFormat("noise", 1, ActionSize, size, size));
        byte[] frames = new byte[(Steps + 1) * size * size * 3];
        float[] actions = new float[Steps * ActionSize];
        var random = new Random(1);
        for (int episode = 0; episode < Episodes; episode++)
        {
            random.NextBytes(frames);
            foreach (ref float action in actions.AsSpan())
                action = 2 * random.NextSingle() - 1;
            writer.Add(new float[Steps + 1], actions, frames);
        }
        writer.Complete();
    }
}

/// <summary>A plan of LeWorldModel: both frames encoded, then the search; the published one has 300 candidates, 30 iterations, 5 steps.</summary>
internal sealed class PlanWork : BenchWork
{
    private readonly LeWorldModel model;
    private readonly LatentPlanner planner;
    private readonly byte[] frames;
    private readonly float[] plan, cost = new float[1];
    private ulong run;

    public PlanWork(Device device, LeWorldModelConfig config, LatentPlannerOptions options) : base(device, "plan")
    {
        model = new LeWorldModel(config);
        model.Allocate(device, seed: 1);
        planner = new LatentPlanner(new LeWorldModelAdaptor(model), options);
        frames = new byte[2 * model.Config.ImageSize * model.Config.ImageSize * 3];
        new Random(1).NextBytes(frames);
        plan = new float[planner.Options.Cem.Horizon * planner.Options.Cem.ActionSize];
    }

    public override void Run()
    {
        using var scope = new TensorScope(Memory.Device, "run");
        Tensor both = planner.Encode(scope, frames);
        Array.Clear(plan);
        planner.Plan(both.Slice(0, 0, 1), both.Slice(0, 1, 1), [new PhiloxKey(run++)], plan, cost);
    }

    public override void Dispose()
    {
        planner.Dispose();
        model.Dispose();
        base.Dispose();
    }
}
