using System.Globalization;
using JepaEngine.IO;
using JepaEngine.Jepa.Models;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Jepa.Checkpoints;

/// <summary>
/// A few features of a fixed input, which a file of ours keeps: weights under a configuration that is not theirs (another number of heads, the other rotary
/// layout) have all the right shapes and give other features. It costs four tokens of an encoding.
/// </summary>
internal sealed class Fingerprint
{
    /// <summary>The metadata entry.</summary>
    public const string Key = "jepa_fingerprint";

    /// <summary>Of each token; enough that chance does not repeat them.</summary>
    private const int Features = 8;

    /// <summary>Of the largest feature: bf16 weights move them by under 0.02, other heads or positions by about 1.</summary>
    private const double Tolerance = 0.1;

    private readonly double[] features;

    private Fingerprint(double[] features) => this.features = features;

    /// <summary>The first features of four tokens, spread over a picture or a clip of one tubelet.</summary>
    public static Fingerprint Of(JepaModel model)
    {
        JepaConfig config = model.Config;
        using var scope = new TensorScope(model.Device, "fingerprint");
        // V-JEPA 1 has positions for whole clips only.
        int side = config.ImageSize, frames = config.Family == JepaFamily.VJepa ? config.Frames : config.Tubelet, tokens = config.Grid * config.Grid;
        byte[] pixels = new byte[frames * 3 * side * side];
        for (int i = 0; i < pixels.Length; i++)
            pixels[i] = (byte)(i * 2654435761L >> 16);
        Shape shape = config.IsPicture ? [1, 3, side, side] : [1, frames, 3, side, side];
        long[] visible = [0, tokens / 3, tokens / 2, tokens - 1];
        double[] encoded = model.Encode(scope.FromRaw<byte>(pixels, shape), scope.FromRaw<long>(visible, [1, visible.Length])).ToArray<double>();
        int width = encoded.Length / visible.Length;
        return new Fingerprint([.. Enumerable.Range(0, visible.Length)
            .SelectMany(token => encoded.AsSpan(token * width, Math.Min(Features, width)).ToArray())]);
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
