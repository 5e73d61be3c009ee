using JepaEngine.Jepa.Models;

namespace JepaEngine.Jepa.Inference;

/// <summary>A class and how likely it is.</summary>
/// <param name="Head">The head that says so: "logits", or EK100's "verb", "noun" or "action".</param>
/// <param name="Class">Its number.</param>
/// <param name="Label">Its name; the number where no names are known.</param>
/// <param name="Probability">Of the head's softmax.</param>
public readonly record struct ClassScore(string Head, int Class, string Label, double Probability)
{
    /// <summary>The likeliest classes of each head's logits [1, classes], best first; of equals the lower number.</summary>
    public static ClassScore[] Top(ProbeConfig config, IReadOnlyList<Tensor> logits, int count)
    {
        List<ClassScore> scores = [];
        for (int head = 0; head < logits.Count; head++)
        {
            double[] values = logits[head].ToArray<double>();
            double most = values.Max(), sum = values.Sum(v => Math.Exp(v - most));
            scores.AddRange(values.Index().OrderByDescending(v => v.Item).Take(count).Select(v => new ClassScore(
                config.HeadName(head), v.Index, config.Labels.Length > 0 ? config.Labels[v.Index] : $"{v.Index}", Math.Exp(v.Item - most) / sum)));
        }
        return [.. scores];
    }
}
