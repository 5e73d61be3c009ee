using static JepaEngine.Jepa.Benchmarking.TextTable;

namespace JepaEngine.Jepa.Benchmarking;

/// <summary>What two runs say of a case.</summary>
public enum Verdict
{
    /// <summary>They differ by less than counts, and would have shown more.</summary>
    Same,
    /// <summary>The second takes less time.</summary>
    Faster,
    /// <summary>The second takes more time.</summary>
    Slower,
    /// <summary>They cannot tell; the reason says why.</summary>
    Ambiguous,
}

/// <summary>A case of two builds.</summary>
/// <param name="Before">The first one's samples of all runs.</param>
/// <param name="After">The second one's.</param>
/// <param name="Verdict">What they say.</param>
/// <param name="Reason">Why.</param>
public sealed record CaseComparison(BenchRecord Before, BenchRecord After, Verdict Verdict, string Reason)
{
    /// <summary>Fewer turns than this tell nothing: <see cref="MannWhitney.Score"/> is normal from ten samples on.</summary>
    private const int FewestTurns = 10;

    /// <summary>Runs that a difference has to be found by: what two processes' code and memory happen to do is not told from it by fewer.</summary>
    private const int FewestRuns = 3;

    /// <summary>99 % of the scores of two runs that are alike lie within plus and minus this.</summary>
    private const double ScoreThatCounts = 2.576;

    /// <summary>The second one's time over the first's, of turns where it is judged by turns, otherwise of the medians; null where there is no time.</summary>
    public double? Ratio { get; private init; }

    /// <summary>What the ratio may be wrong by, relative; null where it cannot be told.</summary>
    public double? Noise { get; private init; }

    /// <summary>Whether more turns may tell.</summary>
    public bool IsOpen { get; private init; }

    /// <summary>
    /// Judges. A difference counts where the ratio of the turns differs from 1 by more than the threshold and by more than its noise, the ranks of the samples
    /// agree that it does, and three runs or more were made; none counts as none only where the noise is less than the threshold. What was not measured by turns is
    /// shown and not judged: between two runs the machine itself may have changed.
    /// </summary>
    /// <param name="before">The first build's records.</param>
    /// <param name="after">The second's, of the same case.</param>
    /// <param name="threshold">The smallest difference that matters, relative to the smaller time.</param>
    public static CaseComparison Of(IReadOnlyList<BenchRecord> before, IReadOnlyList<BenchRecord> after, double threshold)
    {
        PairedTurns turns = PairedTurns.Of(before, after);
        BenchRecord first = Pool(before), second = Pool(after);
        var pair = new CaseComparison(first, second, Verdict.Ambiguous, "")
        {
            Ratio = turns.Ratio ?? (first.P50 > 0 && second.P50 > 0 ? second.P50 / first.P50 : null),
            Noise = turns.Count > 0 ? turns.Noise : first.Noise is { } one && second.Noise is { } other ? Math.Max(one, other) : null,
        };
        if (first.IsSimulated)
            return pair with { Reason = "the simulator's times mean nothing" };
        if (MachineDifference(first.Machine, second.Machine) is { } difference)
            return pair with { Reason = difference };
        if (pair.Ratio is not { } ratio)
            return pair with { Reason = "less than the clock can tell" };
        if (turns.Count == 0)
            return pair with { Reason = "measured one after the other; name two builds, and they are measured by turns" };
        if (turns.Count < FewestTurns || turns.Noise is not { } noise)
            return pair with { IsOpen = true, Reason = Text($"{turns.Count} turns; {FewestTurns} are needed") };
        double change = Math.Max(ratio, 1 / ratio) - 1, score = turns.Score;
        bool isRanked = Math.Abs(score) > ScoreThatCounts && Math.Sign(score) == Math.Sign(ratio - 1);
        if (change > Math.Max(threshold, noise) && isRanked && turns.Runs < FewestRuns)
            return pair with { IsOpen = true, Reason = Text($"{100 * change:0.0} % {(ratio > 1 ? "slower" : "faster")} so far; {FewestRuns} runs have to say so, not {turns.Runs}") };
        if (change > Math.Max(threshold, noise) && isRanked)
            return pair with { Verdict = ratio > 1 ? Verdict.Slower : Verdict.Faster, Reason = Text($"{100 * change:0.0} %, noise {100 * noise:0.0} % of {turns.Runs} runs") };
        if (noise > threshold)
            return pair with { IsOpen = true, Reason = Text($"noise {100 * noise:0.0} % hides the {100 * threshold:0.##} % that matter; run it again") };
        return change > threshold
            ? pair with { IsOpen = true, Reason = Text($"the turns differ by {100 * change:0.0} %, the ranks of the samples do not (score {score:0.0})") }
            : pair with { Verdict = Verdict.Same, Reason = Text($"{100 * change:0.0} % is less than {100 * threshold:0.##} %") };
    }

    /// <summary>All samples of a build, on one machine or on none.</summary>
    private static BenchRecord Pool(IEnumerable<BenchRecord> records) => records.Aggregate((sum, next) => sum with
    {
        Samples = [.. sum.Samples, .. next.Samples], Rounds = 0, Machine = MachineDifference(sum.Machine, next.Machine) is null ? sum.Machine : null,
    });

    /// <summary>What of two machines makes their times another; null where nothing does. Clocks and the build may differ.</summary>
    private static string? MachineDifference(BenchMachine? before, BenchMachine? after)
    {
        if (before is null || after is null)
            return "one run does not say on what machine it was";
        foreach ((string what, string? one, string? other) in (ReadOnlySpan<(string, string?, string?)>)[
            ("processor", before.Cpu, after.Cpu), ("vector instructions", before.Simd, after.Simd),
            ("number of cores", Text($"{before.Cores}"), Text($"{after.Cores}")),
            ("GPU", before.Gpu, after.Gpu), ("driver", before.Driver, after.Driver), ("runtime", before.Runtime, after.Runtime)])
        {
            if (one != other)
                return $"another {what}: {one ?? "none"}, then {other ?? "none"}";
        }
        return null;
    }
}
