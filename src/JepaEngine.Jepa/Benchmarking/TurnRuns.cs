namespace JepaEngine.Jepa.Benchmarking;

/// <summary>Compares by turns, and again where that does not tell.</summary>
/// <param name="measure">
/// A run of both builds by turns, each started anew: all rows, or those of these labels. Where code and memory of a process happen to lie makes a difference too, which its
/// own turns cannot show.
/// </param>
/// <param name="threshold">The smallest difference that matters, as 0.05.</param>
public sealed class TurnRuns(Func<IReadOnlyList<string>, Task<(IReadOnlyList<BenchRecord> Before, IReadOnlyList<BenchRecord> After)>> measure, double threshold)
{
    private const int MostReruns = 3;

    private readonly List<BenchRecord> before = [], after = [];

    /// <summary>What the first build measured, a record a row and run.</summary>
    public IReadOnlyList<BenchRecord> Before => before;

    /// <summary>What the second did.</summary>
    public IReadOnlyList<BenchRecord> After => after;

    /// <summary>Measures all rows, then at most three times those again of which more runs may tell.</summary>
    public async Task<Comparison> Run()
    {
        Comparison comparison = await Add([]);
        for (int rerun = 0; rerun < MostReruns && comparison.Cases.Any(item => item.IsOpen); rerun++)
            comparison = await Add([.. comparison.Cases.Where(item => item.IsOpen).Select(item => item.Before.Label)]);
        return comparison;
    }

    private async Task<Comparison> Add(IReadOnlyList<string> rows)
    {
        (IReadOnlyList<BenchRecord> first, IReadOnlyList<BenchRecord> second) = await measure(rows);
        before.AddRange(first);
        after.AddRange(second);
        return Comparison.Of(before, after, threshold);
    }
}
