namespace JepaEngine.Jepa.Reporting;

/// <summary>Wilson's score interval for a proportion: honest near 0 and 1 and for few trials, unlike the textbook's ± interval.</summary>
public static class Wilson
{
    private const double Z = 1.959963984540054; // 97.5 % quantile of the standard normal

    /// <summary>The 95 % interval of a success probability; [0, 1] without trials.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There are more successes than trials, or negative ones.</exception>
    public static (double Low, double High) Interval(int successes, int trials)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(successes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(successes, trials);
        if (trials == 0)
            return (0, 1);
        double p = (double)successes / trials, n = trials;
        double centre = p + Z * Z / (2 * n), spread = Z * Math.Sqrt((p * (1 - p) + Z * Z / (4 * n)) / n), scale = 1 + Z * Z / n;
        return (Math.Max(0, (centre - spread) / scale), Math.Min(1, (centre + spread) / scale));
    }
}
