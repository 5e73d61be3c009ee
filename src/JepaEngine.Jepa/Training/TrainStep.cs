using System.Text.Json;
using System.Text.Json.Serialization;

namespace JepaEngine.Jepa.Training;

/// <summary>One training step, as it is shown and kept.</summary>
/// <param name="Step">1 for the first.</param>
/// <param name="Steps">Of so many.</param>
/// <param name="Loss">Prediction + λ · SigReg.</param>
/// <param name="Prediction">Mean squared error of the predicted embeddings.</param>
/// <param name="SigReg">The regulariser, unweighted.</param>
/// <param name="GradientNorm">Before clipping.</param>
/// <param name="LearningRate">Of this step.</param>
/// <param name="EffectiveRank">Of the batch's embeddings.</param>
/// <param name="SamplesPerSecond">Windows a second, over the last steps.</param>
/// <param name="SecondsLeft">Until the last step, at that speed.</param>
/// <param name="Skipped">True where loss or gradient were not finite, so that nothing was moved.</param>
public readonly record struct TrainStep(int Step, int Steps, double Loss, double Prediction, double SigReg, double GradientNorm, double LearningRate,
    double EffectiveRank, double SamplesPerSecond, double SecondsLeft, bool Skipped)
{
    /// <summary>The step as one line of JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, TrainStepJson.Default.TrainStep);

    /// <summary>Reads a line that <see cref="ToJson"/> wrote.</summary>
    /// <exception cref="JsonException">It is no such line.</exception>
    public static TrainStep Parse(string line) => JsonSerializer.Deserialize(line, TrainStepJson.Default.TrainStep);

    /// <summary>The step as one line for people.</summary>
    public override string ToString()
    {
        string start = $"step {Step,5}/{Steps} | loss {Loss:0.0000} = pred {Prediction:0.0000} + sigreg {SigReg,6:0.000}";
        return Skipped
            ? $"{start} | not finite: skipped"
            : $"{start} | norm {GradientNorm:0.000} | lr {LearningRate:0.00e+00} | rank {EffectiveRank,4:0.0} | {SamplesPerSecond,4:0} windows/s | {SecondsLeft:0} s left";
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(TrainStep))]
internal sealed partial class TrainStepJson : JsonSerializerContext;
