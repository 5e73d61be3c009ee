using JepaEngine.Jepa.Models;

namespace JepaEngine.Jepa.Checkpoints;

/// <summary>A few features of a fixed input, which a file of ours keeps: weights under a configuration that is not
/// theirs (another number of heads, the other rotary layout) have all the right shapes and give other features. It
/// costs four tokens of an encoding.</summary>
internal sealed class Fingerprint
{
    /// <summary>The metadata entry.</summary>
    public const string Key = "jepa_fingerprint";

    /// <summary>Of each token; enough that chance does not repeat them.</summary>
    private const int Width = 8;

    /// <summary>Of the largest feature: bf16 weights move them by under 0.02, other heads or positions by about 1.</summary>
    private const double Tolerance = 0.1;

    private readonly double[] features;

    private Fingerprint(double[] features) => this.features = features;

    /// <summary>The first features of what the family looks at.</summary>
    public static Fingerprint Of(JepaModel model)
    {
        using var scope = new TensorScope(model.Device, "fingerprint");
        Tensor seen = model.Features(scope);
        double[] encoded = seen.ToArray<double>();
        int width = seen.Shape[^1];
        return new Fingerprint([.. Enumerable.Range(0, encoded.Length / width)
            .SelectMany(token => encoded.AsSpan(token * width, Math.Min(Width, width)).ToArray())]);
    }

    /// <summary>A fingerprint from its text.</summary>
    /// <exception cref="BadFileException">It is none.</exception>
    public static Fingerprint Read(string text, string path)
    {
        string[] words = text.Split(' ');
        double[] numbers = [.. words.Select(word => double.TryParse(word, NumberStyles.Float, CultureInfo.InvariantCulture, out double x) ? x : double.NaN)];
        return numbers.All(double.IsFinite) ? new Fingerprint(numbers) : throw new BadFileException(path, "its fingerprint is damaged");
    }

    /// <summary>Refuses a model that gives other features.</summary>
    /// <exception cref="BadFileException">It does.</exception>
    public void Require(JepaModel model, string path)
    {
        double[] actual = Of(model).features;
        double largest = features.Max(Math.Abs);
        double error = actual.Length == features.Length ? actual.Zip(features, (a, b) => Math.Abs(a - b)).Max() : double.PositiveInfinity;
        if (!(error <= Tolerance * largest))
        {
            throw new BadFileException(path, FormattableString.Invariant(
                $"its weights give other features than they did when it was written (off by {error / largest:g2}); ")
                + "the configuration does not belong to them, or they were damaged");
        }
    }

    /// <inheritdoc/>
    public override string ToString() => string.Join(' ', features.Select(x => x.ToString("g6", CultureInfo.InvariantCulture)));
}
