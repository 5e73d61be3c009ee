using System.Text.Json.Serialization;

namespace JepaEngine.Jepa.Training;

/// <summary>How a <see cref="LeWorldModelRecipe"/> trains. The defaults are LeWorldModel's published recipe.</summary>
public sealed record TrainOptions : IValidated
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

    /// <summary>The largest rate, decay, weight or norm: beyond it a float is soon infinite.</summary>
    private const double Most = 1e30;

    /// <inheritdoc/>
    public void Validate()
    {
        var allowed = new Allowed("train");
        allowed.Range(Steps, 1, 1_000_000_000);
        // SIGReg looks at a distribution.
        allowed.Range(Batch, 2, 1 << 20);
        // The last one is predicted.
        allowed.Range(Frames, 2, 1 << 16);
        allowed.Range(FrameSkip, 1, 1 << 16);
        allowed.Range(LearningRate, 0, Most);
        allowed.Range(Warmup, 0, 1);
        allowed.Range(WeightDecay, 0, Most);
        allowed.Above(ClipNorm, 0, Most);
        allowed.Range(SigRegWeight, 0, Most);
        allowed.Range(Slices, 1, 1 << 20);
        allowed.Range(MeasureEvery, 1, 1_000_000_000);
    }

    /// <summary>As <see cref="Validate()"/>, for a model.</summary>
    /// <param name="history">The predictor's history.</param>
    /// <exception cref="ArgumentException">Something is wrong.</exception>
    public void Validate(int history)
    {
        Validate();
        new Allowed("train").If((Frames - 1) % Math.Min(history, Frames - 1) == 0,
            $"frames {Frames} give {Frames - 1} contexts, which do not divide into windows of {history}");
    }
}

/// <summary>How a recipe is written as JSON.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(TrainOptions))]
internal sealed partial class TrainJson : JsonSerializerContext;
