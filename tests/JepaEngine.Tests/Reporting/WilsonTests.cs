using JepaEngine.Jepa.Reporting;

namespace JepaEngine.Tests.Reporting;

public sealed class WilsonTests
{
    // 597/600 and 290/300 are quoted with their intervals in the recipe; the others follow from the closed forms n/(n+z²) and z²/(n+z²).
    [Theory]
    [InlineData(597, 600, .985, .998)]
    [InlineData(290, 300, .940, .982)]
    [InlineData(100, 100, .9630, 1)]
    [InlineData(0, 50, 0, .0713)]
    [InlineData(0, 0, 0, 1)]
    [InlineData(1, 1, .2065, 1)]
    public void Interval_has_known_values(int successes, int trials, double low, double high)
    {
        (double actualLow, double actualHigh) = Wilson.Interval(successes, trials);
        Assert.Equal(low, actualLow, .0006);
        Assert.Equal(high, actualHigh, .0006);
    }

    [Theory]
    [InlineData(3, 2)]
    [InlineData(-1, 2)]
    public void Impossible_counts_are_refused(int successes, int trials)
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Wilson.Interval(successes, trials));
    }
}
