using JepaEngine.Jepa.Numerics;
using JepaEngine.Primitives;

namespace JepaEngine.Tests.Numerics;

/// <summary>Eigenvalues, effective rank and the linear probe against what can be computed by hand.</summary>
public sealed class SpectrumTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    [InlineData(32)]
    [InlineData(96)]
    public void AnEigendecompositionRebuildsItsMatrix(int n)
    {
        var random = new PhiloxRandom(7);
        double[] matrix = new double[n * n];
        for (int i = 0; i < n; i++)
            for (int j = 0; j <= i; j++)
                matrix[i * n + j] = matrix[j * n + i] = random.NextNormal();
        double[] vectors = [.. matrix], values = SymmetricEigen.Decompose(vectors);
        Assert.Equal(values.Order(), values);
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++)
            {
                double rebuilt = 0, product = 0;
                for (int k = 0; k < n; k++)
                {
                    rebuilt += vectors[i * n + k] * values[k] * vectors[j * n + k];
                    product += vectors[k * n + i] * vectors[k * n + j];
                }
                Assert.Equal(matrix[i * n + j], rebuilt, 1e-11 * n);
                Assert.Equal(i == j ? 1 : 0, product, 1e-12 * n);
            }
    }

    [Fact]
    public void EqualVariancesHaveFullRankAndALineHasRankOne()
    {
        // The corners of a cube: three directions of equal variance in four dimensions.
        float[] cube = [.. Enumerable.Range(0, 8).SelectMany(i => new float[] { i & 1, (i >> 1) & 1, (i >> 2) & 1, 5 })];
        Spectrum spectrum = Spectrum.Of(cube, 4);
        Assert.Equal(3, spectrum.EffectiveRank, 1e-9);
        Assert.Equal(2.0 / 7, spectrum.Eigenvalues[0], 1e-12);
        Assert.Equal([0.5, 0.5, 0.5, 5], spectrum.Mean);
        float[] line = [.. Enumerable.Range(0, 10).SelectMany(i => new float[] { i, 2 * i, -i })];
        Assert.Equal(1, Spectrum.Of(line, 3).EffectiveRank, 1e-6);
        Assert.Equal(1, Spectrum.Of(new float[12], 3).EffectiveRank, 1e-6);
    }

    [Fact]
    public void ProjectionsHaveTheEigenvaluesAsVariance()
    {
        float[] samples = new float[300 * 5];
        Philox.FillNormal(new PhiloxKey(3), samples);
        Spectrum spectrum = Spectrum.Of(samples, 5);
        float[] projected = spectrum.Project(samples, 2);
        for (int c = 0; c < 2; c++)
            Assert.Equal(spectrum.Eigenvalues[c], Enumerable.Range(0, 300).Sum(n => projected[2 * n + c] * (double)projected[2 * n + c]) / 299, 1e-5);
    }

    [Fact]
    public void AProbeReadsALinearMapExactlyAndNothingFromNoise()
    {
        float[] x = new float[200 * 4], noise = new float[200 * 2];
        Philox.FillNormal(new PhiloxKey(1), x);
        Philox.FillNormal(new PhiloxKey(2), noise);
        float[] y = [.. Enumerable.Range(0, 200).SelectMany(n => new[] { 3 + 2 * x[4 * n] - x[4 * n + 3], x[4 * n + 1] })];
        Assert.Equal(1, LinearProbe.RSquared(new LinearProbe(x, 4, y, 2).Read(x), y, 2), 1e-9);
        Assert.InRange(LinearProbe.RSquared(new LinearProbe(x, 4, noise, 2).Read(x), noise, 2), 0, 0.1);
        Assert.Throws<ArgumentException>(() => new LinearProbe(x.AsSpan(0, 16), 4, y.AsSpan(0, 8), 2));
    }
}
