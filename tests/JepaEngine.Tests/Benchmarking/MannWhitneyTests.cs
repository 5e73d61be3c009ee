using JepaEngine.Jepa.Benchmarking;

namespace JepaEngine.Tests.Benchmarking;

public sealed class MannWhitneyTests
{
    /// <summary>Ranks of b are 6 to 10: 40, expected 27.5, variance 25 · 11 / 12.</summary>
    [Fact]
    public void ScoresAShiftByItsRanks()
    {
        double score = (40 - 27.5 - 0.5) / Math.Sqrt(25 * 11 / 12.0);
        Assert.Equal(score, MannWhitney.Score([1, 2, 3, 4, 5], [6, 7, 8, 9, 100]), 12);
        Assert.Equal(-score, MannWhitney.Score([6, 7, 8, 9, 100], [1, 2, 3, 4, 5]), 12);
    }

    /// <summary>Four times 2 are ranks 2 to 5, 3.5 each: b has 2 · 3.5 + 6 = 13, expected 10.5; the variance is 9 / 12 · (7 − (4³ − 4) / 30).</summary>
    [Fact]
    public void EqualSamplesShareTheirRanks() =>
        Assert.Equal((13 - 10.5 - 0.5) / Math.Sqrt(9 / 12.0 * (7 - 60 / 30.0)), MannWhitney.Score([1, 2, 2], [2, 2, 3]), 12);

    [Fact]
    public void TheSameSamplesSayNothing()
    {
        Assert.Equal(0, MannWhitney.Score([7, 7, 7], [7, 7, 7]));
        Assert.Equal(0, MannWhitney.Score([1, 2, 3], [1, 2, 3]));
    }
}
