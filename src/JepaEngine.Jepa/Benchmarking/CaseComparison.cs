using System.Globalization;

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

/// <summary>A case in two runs.</summary>
/// <param name="Before">The first run's record.</param>
/// <param name="After">The second run's.</param>
/// <param name="Verdict">What they say.</param>
/// <param name="Reason">Why.</param>
public sealed record CaseComparison(BenchRecord Before, BenchRecord After, Verdict Verdict, string Reason)
{
    /// <summary>Fewer samples a run than this tell nothing: <see cref="MannWhitney.Score"/> is normal from here on.</summary>
    private const int FewestSamples = 10;

    /// <summary>99 % of the scores of two runs that are alike lie within plus and minus this.</summary>
    private const double ScoreThatCounts = 2.576;

    /// <summary>The median of the second run over that of the first; null where a median is 0.</summary>
    public double? Ratio => Before.P50 > 0 && After.P50 > 0 ? After.P50 / Before.P50 : null;

    /// <summary>The larger noise of the two; null where it cannot be told.</summary>
    public double? Noise => Before.Noise is { } before && After.Noise is { } after ? Math.Max(before, after) : null;

    /// <summary>
    /// Judges. A difference counts where the medians differ by more than the threshold and by more than either run's noise, and the ranks of the samples agree
    /// that they do; none counts as none only where the noise is less than the threshold.
    /// </summary>
    /// <param name="before">The first run's record.</param>
    /// <param name="after">The second run's, of the same case.</param>
    /// <param name="threshold">The smallest difference that matters, relative to the smaller median.</param>
    public static CaseComparison Of(BenchRecord before, BenchRecord after, double threshold)
    {
        var pair = new CaseComparison(before, after, Verdict.Ambiguous, "");
        int samples = Math.Min(before.Samples.Length, after.Samples.Length);
        if (before.IsSimulated)
            return pair with { Reason = "the simulator's times mean nothing" };
        if (MachineDifference(before.Machine, after.Machine) is { } difference)
            return pair with { Reason = difference };
        if (samples < FewestSamples)
            return pair with { Reason = Text($"{samples} samples; {FewestSamples} are needed") };
        if (pair is not { Ratio: { } ratio, Noise: { } noise })
            return pair with { Reason = "less than the clock can tell" };
        double change = Math.Max(ratio, 1 / ratio) - 1, score = MannWhitney.Score(before.Samples, after.Samples);
        bool isRanked = Math.Abs(score) > ScoreThatCounts && Math.Sign(score) == Math.Sign(ratio - 1);
        if (change > Math.Max(threshold, noise) && isRanked)
            return pair with { Verdict = ratio > 1 ? Verdict.Slower : Verdict.Faster, Reason = Text($"{100 * change:0.0} %, noise {100 * noise:0.0} %") };
        if (noise > threshold)
            return pair with { Reason = Text($"noise {100 * noise:0.0} % hides the {100 * threshold:0.##} % that matter; run it again") };
        return change > threshold
            ? pair with { Reason = Text($"the medians differ by {100 * change:0.0} %, the ranks of the samples do not (score {score:0.0})") }
            : pair with { Verdict = Verdict.Same, Reason = Text($"{100 * change:0.0} % is less than {100 * threshold:0.##} %") };
    }

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

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
