namespace JepaEngine.Jepa.Benchmarking;

/// <summary>What the samples of a measurement say; the samples are kept, these are views of them.</summary>
public static class SampleStatistics
{
    private const int Parts = 5;

    // Student's t at 97.5 %, for 1 to 4 degrees of freedom.
    private static readonly double[] Student = [12.706, 4.303, 3.182, 2.776];

    /// <summary>The value that a share of the samples does not exceed, linear between neighbours.</summary>
    /// <param name="samples">At least one, in any order.</param>
    /// <param name="share">From 0 to 1.</param>
    public static double Quantile(ReadOnlySpan<double> samples, double share)
    {
        double[] sorted = samples.ToArray();
        Array.Sort(sorted);
        double at = share * (sorted.Length - 1);
        int below = (int)at, above = Math.Min(below + 1, sorted.Length - 1);
        return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
    }

    /// <summary>
    /// By how much, relative to the median, the medians of two such runs differ at most in 19 of 20 cases; infinite where a single sample cannot tell. The samples,
    /// in the order they were taken in, are cut into five: the medians of the fifths also vary by what changed during the run (its rounds are spread over all of
    /// it, each in memory of its own), which the spread of neighbours does not show. The difference of two runs varies √2 times as much as one.
    /// </summary>
    public static double Noise(ReadOnlySpan<double> samples)
    {
        int parts = Math.Min(Parts, samples.Length);
        if (parts < 2)
            return double.PositiveInfinity;
        double[] medians = new double[parts];
        for (int i = 0; i < parts; i++)
            medians[i] = Quantile(samples[(i * samples.Length / parts)..((i + 1) * samples.Length / parts)], 0.5);
        double mean = medians.Average(), variance = medians.Sum(median => (median - mean) * (median - mean)) / (parts - 1);
        return Math.Sqrt(2 * variance / parts) * Student[parts - 2] / Quantile(samples, 0.5);
    }
}
