using JepaEngine.Jepa.Numerics;
using JepaEngine.Primitives;

namespace JepaEngine.Tests.Numerics;

public sealed class PrincipalComponentsTests
{
    private const int Count = 600, Width = 96;

    private static readonly double[] Deviations = [5, 3, 2];

    [Fact]
    public void Planted_components_are_found()
    {
        (float[] samples, double[][] planted) = Planted(1);
        PrincipalComponents found = PrincipalComponents.Of(samples, Width, 3);
        for (int c = 0; c < 3; c++)
        {
            double cosine = Enumerable.Range(0, Width).Sum(d => planted[c][d] * found.Directions[c * Width + d]);
            Assert.InRange(Math.Abs(cosine), 0.999, 1.0001);
            Assert.Equal(1, found.Directions.Skip(c * Width).Take(Width).Sum(x => x * x), 1e-9);
            // The weights are a little correlated by chance, which lets a component find more than the direction that was planted.
            double[] along = [.. samples.Chunk(Width).Select(row => row.Zip(planted[c], (x, p) => x * p).Sum())];
            double mean = along.Average(), variance = along.Sum(x => (x - mean) * (x - mean)) / (Count - 1);
            Assert.InRange(found.Variances[c] / variance, 0.98, 1.02);
        }
    }

    [Fact]
    public void The_full_spectrum_agrees()
    {
        // No gap behind the third: noise alone.
        var random = new PhiloxRandom(5);
        float[] noise = [.. Enumerable.Range(0, Count * 24).Select(i => random.NextNormal() * (1 + i % 24 / 24f))];
        Spectrum all = Spectrum.Of(noise, 24);
        PrincipalComponents some = PrincipalComponents.Of(noise, 24, 3);
        for (int c = 0; c < 3; c++)
        {
            Assert.Equal(all.Eigenvalues[c], some.Variances[c], 1e-5 * all.Eigenvalues[0]);
            double cosine = Enumerable.Range(0, 24).Sum(d => all.Directions[c * 24 + d] * some.Directions[c * 24 + d]);
            Assert.Equal(1, Math.Abs(cosine), 1e-6);
        }
    }

    [Fact]
    public void Order_flips_and_rotations_leave_the_scores()
    {
        (float[] samples, _) = Planted(2);
        float[] scores = PrincipalComponents.Of(samples, Width, 3).Scores;
        float[] reversed = [.. samples.Chunk(Width).Reverse().SelectMany(row => row)];
        Close([.. scores.Chunk(3).Reverse().SelectMany(row => row)], PrincipalComponents.Of(reversed, Width, 3).Scores);
        Close(scores, PrincipalComponents.Of([.. samples.Select(x => -x)], Width, 3).Scores);
        // Planes turned by one radian, and the whole moved.
        float[] turned = new float[samples.Length];
        for (int i = 0; i < samples.Length; i += 2)
        {
            turned[i] = MathF.Cos(1) * samples[i] - MathF.Sin(1) * samples[i + 1] + 3;
            turned[i + 1] = MathF.Sin(1) * samples[i] + MathF.Cos(1) * samples[i + 1] - 7;
        }
        Close(scores, PrincipalComponents.Of(turned, Width, 3).Scores);
    }

    [Fact]
    public void Long_tails_are_positive()
    {
        (float[] samples, _) = Planted(3);
        PrincipalComponents found = PrincipalComponents.Of(samples, Width, 3);
        for (int c = 0; c < 3; c++)
            Assert.InRange(found.Scores.Where((_, i) => i % 3 == c).Sum(x => (double)x * x * x), 1, double.MaxValue);
    }

    [Fact]
    public void Little_and_nothing_are_no_fault()
    {
        Assert.Equal([0, 0, 0], PrincipalComponents.Of([1, 2, 3, 4], 4, 3).Variances);
        Assert.All(PrincipalComponents.Of([.. Enumerable.Repeat(3f, 50)], 5, 3).Scores, score => Assert.Equal(0, score));
        PrincipalComponents line = PrincipalComponents.Of([0, 0, 1, 2, 2, 4], 2, 3);
        Assert.Equal(5, line.Variances[0], 1e-5);
        Assert.Equal(0, line.Variances[1], 1e-5);
        Assert.Throws<ArgumentException>(() => PrincipalComponents.Of([], 4, 3));
        Assert.Throws<ArgumentException>(() => PrincipalComponents.Of([1, 2, 3], 2, 3));
        Assert.Contains("sample 1 holds NaN", Assert.Throws<ArgumentException>(() => PrincipalComponents.Of([1, 2, float.NaN, 1], 2, 3)).Message);
    }

    private static void Close(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
            // f32 features: the turned ones are themselves rounded.
            Assert.Equal(expected[i], actual[i], 1e-3f);
    }

    /// <summary>Three orthogonal directions with skewed weights, in noise of a tenth.</summary>
    private static (float[] Samples, double[][] Planted) Planted(ulong seed)
    {
        var random = new PhiloxRandom(seed);
        double[][] planted = [.. Enumerable.Range(0, 3).Select(c =>
            Enumerable.Range(0, Width).Select(d => Math.Sqrt(2.0 / Width) * Math.Cos(Math.PI * (2 * d + 1) * (c + 1) / (2.0 * Width))).ToArray())];
        float[] samples = new float[Count * Width];
        for (int n = 0; n < Count; n++)
        {
            // A squared normal less 1 has the skewness of 2.8 and a variance of 2.
            double[] weights = [.. Deviations.Select(deviation => deviation * (Math.Pow(random.NextNormal(), 2) - 1) / Math.Sqrt(2))];
            for (int d = 0; d < Width; d++)
                samples[n * Width + d] = (float)(planted.Select((direction, c) => weights[c] * direction[d]).Sum() + 0.1 * random.NextNormal() + 10);
        }
        return (samples, planted);
    }
}
