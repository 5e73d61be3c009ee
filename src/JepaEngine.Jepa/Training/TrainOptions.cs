using System.Text.Json.Serialization;

namespace JepaEngine.Jepa.Training;

/// <summary>How a <see cref="LeWorldModelRecipe"/> trains. The defaults are LeWorldModel's published recipe.</summary>
public sealed record TrainOptions
{
    /// <summary>Decides start values, batches, projections and dropout.</summary>
    public ulong Seed { get; init; }

    /// <summary>Optimiser steps.</summary>
    public int Steps { get; init; } = 10_000;

    /// <summary>B: windows a step.</summary>
    public int Batch { get; init; } = 128;

    /// <summary>T: frames of a window.</summary>
    public int Frames { get; init; } = 4;

    /// <summary>Environment steps from one frame of a window to the next.</summary>
    public int FrameSkip { get; init; } = 5;

    /// <summary>Peak learning rate.</summary>
    public double LearningRate { get; init; } = 5e-5;

    /// <summary>Share of the steps over which the learning rate rises; it falls by half a cosine after.</summary>
    public double Warmup { get; init; } = 0.01;

    /// <summary>AdamW's decay, of all parameters.</summary>
    public double WeightDecay { get; init; } = 1e-3;

    /// <summary>Global gradient norm beyond which gradients are scaled down.</summary>
    public double ClipNorm { get; init; } = 1;

    /// <summary>λ: weight of SIGReg beside the prediction loss.</summary>
    public double SigRegWeight { get; init; } = 0.09;

    /// <summary>Random directions SIGReg looks along each step.</summary>
    public int Slices { get; init; } = 1024;

    /// <summary>
    /// Whether actions are scaled by the data's mean and standard deviation; see <see cref="Data.ActionScale"/>.
    /// </summary>
    public bool ScaleActions { get; init; } = true;

    /// <summary>Steps from one effective rank in the log to the next: it reads all embeddings back.</summary>
    public int MeasureEvery { get; init; } = 10;

    /// <summary>The published recipe.</summary>
    public static TrainOptions Published => new();

    /// <summary>The recipe of <c>jepa demo</c>.</summary>
    public static TrainOptions Demo => new()
    {
        Steps = 400, Batch = 64, LearningRate = 2e-3, Warmup = 0.05, SigRegWeight = 0.1, Slices = 256,
        ScaleActions = false,
    };

    /// <summary>Refuses a recipe that cannot be, naming the first thing that is wrong.</summary>
    /// <param name="history">The predictor's history.</param>
    /// <exception cref="ArgumentException">Something is wrong.</exception>
    public void Validate(int history)
    {
        Require(Steps > 0, $"steps is {Steps}; it is 1 or more");
        Require(Batch > 1, $"batch is {Batch}; it is 2 or more, since SIGReg looks at a distribution");
        Require(Frames > 1, $"frames is {Frames}; it is 2 or more, the last being predicted");
        Require((Frames - 1) % Math.Min(history, Frames - 1) == 0, $"frames {Frames} give {Frames - 1} contexts, which do not divide into windows of {history}");
        Require(FrameSkip > 0, $"frameSkip is {FrameSkip}; it is 1 or more");
        Require(MeasureEvery > 0, $"measureEvery is {MeasureEvery}; it is 1 or more");
        Require(Slices > 0, $"slices is {Slices}; it is 1 or more");
        Require(LearningRate >= 0 && WeightDecay >= 0 && ClipNorm > 0, "learningRate and weightDecay are not negative, clipNorm is above 0");
        Require(Warmup is >= 0 and <= 1, $"warmup is {Warmup}; it is a share of the steps, in [0, 1]");

        static void Require(bool condition, string fault)
        {
            if (!condition)
                throw new ArgumentException($"train: {fault}");
        }
    }
}

/// <summary>How a recipe is written as JSON.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(TrainOptions))]
internal sealed partial class TrainJson : JsonSerializerContext;
