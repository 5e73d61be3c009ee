namespace JepaEngine.Jepa.Benchmarking;

/// <summary>Whether the samples of one run tend to be larger than those of another, whatever their distribution.</summary>
public static class MannWhitney
{
    /// <summary>
    /// The rank sum of <paramref name="b"/> in standard deviations from where it lies if both runs are alike (Mann and Whitney, "On a test of whether one of two
    /// random variables is stochastically larger than the other", 1947): normal for ten samples a side or more, with the correction for ties and half a rank for
    /// continuity. Positive where b tends to be larger; 0 where all samples are the same.
    /// </summary>
    /// <param name="a">At least one.</param>
    /// <param name="b">At least one.</param>
    public static double Score(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        double[] all = [.. a, .. b];
        bool[] isB = new bool[all.Length];
        Array.Fill(isB, true, a.Length, b.Length);
        Array.Sort(all, isB);
        double ranks = 0, ties = 0;
        for (int first = 0, next; first < all.Length; first = next)
        {
            int ofB = 0;
            for (next = first; next < all.Length && all[next] == all[first]; next++)
                ofB += isB[next] ? 1 : 0;
            double tied = next - first;
            // Equal samples share the mean of their ranks, first + 1 to next.
            ranks += ofB * (first + next + 1) / 2.0;
            ties += tied * tied * tied - tied;
        }
        double n = all.Length, product = (double)a.Length * b.Length;
        double variance = product / 12 * (n + 1 - ties / (n * (n - 1)));
        double excess = ranks - b.Length * (n + 1) / 2;
        return variance > 0 ? Math.Sign(excess) * Math.Max(0, Math.Abs(excess) - 0.5) / Math.Sqrt(variance) : 0;
    }
}
