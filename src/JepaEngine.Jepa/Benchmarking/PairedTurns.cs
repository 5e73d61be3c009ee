namespace JepaEngine.Jepa.Benchmarking;

/// <summary>
/// What two builds that took turns say of each other. Within a turn both met the machine in the same state, so that the ratio of their medians in a turn holds none
/// of its drift; what the ratios vary by is the noise.
/// </summary>
internal sealed class PairedTurns
{
    /// <summary>The chance that an interval of <see cref="Noise"/> misses on one side.</summary>
    private const double Miss = 0.005;

    // Student's t at 99.75 %, for 1 to 3 degrees of freedom; more runs have less. Half the chance of Miss: a row is looked at after three runs and after four.
    private static readonly double[] Student = [127.3, 14.09, 7.453];

    private readonly double[] before, after;

    private PairedTurns(double[][] runs, double[] before, double[] after)
    {
        (this.before, this.after) = (before, after);
        double[] sorted = [.. runs.SelectMany(run => run).Order()];
        (Count, Runs) = (sorted.Length, runs.Length);
        if (Count == 0)
            return;
        double middle = SampleStatistics.Quantile(sorted, 0.5);
        Ratio = Math.Exp(middle);
        // By chance, fewer than k ratios lie below the true one as often as a coin falls on one side fewer than k times.
        int k = 0;
        for (double chance = Math.Pow(0.5, Count), sum = chance; sum <= Miss; k++)
            sum += chance *= (Count - k) / (k + 1.0);
        if (k > 0)
            Noise = Math.Exp(Math.Max(Math.Max(middle - sorted[k - 1], sorted[^k] - middle), BetweenRuns(runs))) - 1;
    }

    /// <summary>How many.</summary>
    public int Count { get; }

    /// <summary>Runs they are of: each build was started so often.</summary>
    public int Runs { get; }

    /// <summary>The second build's time over the first's: the median of the turns' ratios; null where there is no turn.</summary>
    public double? Ratio { get; }

    /// <summary>
    /// By how much chance makes the ratio wrong, in 99 of 100 comparisons at most; null below eight turns, which cannot tell. The larger of two. Between turns:
    /// whatever the ratios' distribution, their true median lies between the k-th smallest and the k-th largest but for twice the chance that a coin falls on one side
    /// fewer than k times in as many throws (Conover, "Practical Nonparametric Statistics", section 3.2): of fifteen turns the third, so that two that something
    /// disturbed do not count. Between runs, where there are several: Student's interval of their ratios (Kalibera and Jones, "Rigorous benchmarking in reasonable
    /// time", section 9: the level that varies most has to be repeated, and that is the process).
    /// </summary>
    public double? Noise { get; }

    /// <summary><see cref="MannWhitney.Score"/> of all samples, each over the geometric mean of its turn's two medians.</summary>
    public double Score => MannWhitney.Score(before, after);

    /// <summary>The turns that both builds' records hold; a turn shorter than the clock can tell is left out.</summary>
    public static PairedTurns Of(IEnumerable<BenchRecord> before, IEnumerable<BenchRecord> after)
    {
        List<double[]> runs = [];
        List<double> first = [], second = [];
        foreach ((BenchRecord a, BenchRecord b) in before.Where(record => record.Turns is not null).Join(after, a => a.Turns, b => b.Turns, (a, b) => (a, b)))
        {
            List<double> ratios = [];
            for (int turn = 0; turn < Math.Min(a.Rounds, b.Rounds); turn++)
            {
                double[] one = a.Round(turn), other = b.Round(turn);
                double ofOne = SampleStatistics.Quantile(one, 0.5), ofOther = SampleStatistics.Quantile(other, 0.5), common = Math.Sqrt(ofOne * ofOther);
                if (common == 0)
                    continue;
                ratios.Add(Math.Log(ofOther / ofOne));
                first.AddRange(one.Select(sample => sample / common));
                second.AddRange(other.Select(sample => sample / common));
            }
            if (ratios.Count > 0)
                runs.Add([.. ratios]);
        }
        return new PairedTurns([.. runs], [.. first], [.. second]);
    }

    private static double BetweenRuns(double[][] runs)
    {
        if (runs.Length < 2)
            return 0;
        double[] ratios = [.. runs.Select(run => SampleStatistics.Quantile(run, 0.5))];
        double mean = ratios.Average(), variance = ratios.Sum(ratio => (ratio - mean) * (ratio - mean)) / (ratios.Length - 1);
        return Student[Math.Min(ratios.Length - 1, Student.Length) - 1] * Math.Sqrt(variance / ratios.Length);
    }
}
