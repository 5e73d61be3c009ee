using JepaEngine.Jepa.Benchmarking;
using JepaEngine.Primitives;

namespace JepaEngine.Tests.Benchmarking;

public sealed class SampleStatisticsTests
{
    [Fact]
    public void QuantilesLieBetweenNeighbours()
    {
        double[] samples = [4, 1, 3, 2, 10];
        Assert.Equal(3, SampleStatistics.Quantile(samples, 0.5));
        Assert.Equal(1, SampleStatistics.Quantile(samples, 0));
        Assert.Equal(4 + 0.8 * 6, SampleStatistics.Quantile(samples, 0.95), 12);
        Assert.Equal([4, 1, 3, 2, 10], samples);
    }

    [Fact]
    public void OneSampleTellsNoNoiseAndEqualOnesHaveNone()
    {
        Assert.Equal(double.PositiveInfinity, SampleStatistics.Noise([7]));
        Assert.Equal(0, SampleStatistics.Noise([7, 7, 7, 7, 7, 7]));
    }

    [Fact]
    public void NoiseOfFiveSamplesIsStudentsInterval()
    {
        // Mean 3, standard deviation √2.5; twice that variance over five, times t of four degrees of freedom, over the median.
        Assert.Equal(Math.Sqrt(2 * 2.5 / 5) * 2.776 / 3, SampleStatistics.Noise([1, 2, 3, 4, 5]), 12);
    }

    /// <summary>
    /// The promise of the noise column, in 2000 pairs of runs each: 19 of 20 differ by less. The draws are those of an idle machine, of one that changes from
    /// round to round, and of one where now and then a sample takes three times as long. Expected are 0.95; three standard errors of 2000 pairs are 0.015.
    /// </summary>
    [Theory]
    [InlineData(0.01, 0, 0)]
    [InlineData(0.01, 0.03, 0)]
    [InlineData(0.01, 0.01, 0.05)]
    public void TwoRunsDifferByLessThanTheNoiseInNineteenOfTwenty(double sample, double round, double outliers)
    {
        const int Pairs = 2000;
        var random = new PhiloxRandom(new PhiloxKey(7));
        int within = 0;
        for (int pair = 0; pair < Pairs; pair++)
        {
            double[] a = Run(), b = Run();
            double first = SampleStatistics.Quantile(a, 0.5), second = SampleStatistics.Quantile(b, 0.5);
            if (Math.Abs(first - second) < SampleStatistics.Noise(a) * first)
                within++;
        }
        Assert.InRange(within / (double)Pairs, 0.935, 0.995);

        double[] Run() => [.. Enumerable.Range(0, 5).SelectMany(_ => Round(1 + round * random.NextNormal()))];

        double[] Round(double level) => [.. Enumerable.Range(0, 10).Select(_ => (level + sample * random.NextNormal()) * (random.NextUniform() < outliers ? 3 : 1))];
    }
}
