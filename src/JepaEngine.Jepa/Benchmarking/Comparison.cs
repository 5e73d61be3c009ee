namespace JepaEngine.Jepa.Benchmarking;

/// <summary>The same cases of two builds.</summary>
public sealed class Comparison
{
    private static readonly (string Head, bool IsText)[] Columns =
    [
        ("case", true), ("pass", true), ("device", true), ("dtype", true),
        ("before ms", false), ("after ms", false), ("ratio", false), ("verdict", true), ("reason", true),
    ];

    private Comparison(IReadOnlyList<CaseComparison> cases, IReadOnlyList<BenchRecord> onlyBefore, IReadOnlyList<BenchRecord> onlyAfter) =>
        (Cases, OnlyBefore, OnlyAfter) = (cases, onlyBefore, onlyAfter);

    /// <summary>The cases of both files.</summary>
    public IReadOnlyList<CaseComparison> Cases { get; }

    /// <summary>The cases that only the first file has.</summary>
    public IReadOnlyList<BenchRecord> OnlyBefore { get; }

    /// <summary>The cases that only the second file has.</summary>
    public IReadOnlyList<BenchRecord> OnlyAfter { get; }

    /// <summary>How many cases have a verdict.</summary>
    public int Count(Verdict verdict) => Cases.Count(item => item.Verdict == verdict);

    /// <summary>Compares. Where a case was measured several times, all its turns count.</summary>
    /// <param name="before">What was.</param>
    /// <param name="after">What is.</param>
    /// <param name="threshold">The smallest difference that matters, as 0.05.</param>
    public static Comparison Of(IEnumerable<BenchRecord> before, IEnumerable<BenchRecord> after, double threshold)
    {
        ILookup<Key, BenchRecord> first = before.ToLookup(Key.Of), second = after.ToLookup(Key.Of);
        return new Comparison(
            [.. first.Where(item => second.Contains(item.Key)).Select(item => CaseComparison.Of([.. item], [.. second[item.Key]], threshold))],
            [.. first.Where(item => !second.Contains(item.Key)).Select(item => item.First())],
            [.. second.Where(item => !first.Contains(item.Key)).Select(item => item.First())]);
    }

    /// <summary>Aligned with spaces, for a terminal.</summary>
    public IEnumerable<string> Plain() => TextTable.Plain(Columns, Cases.Select(Row));

    /// <summary>Markdown.</summary>
    public IEnumerable<string> Markdown() => TextTable.Markdown(Columns, Cases.Select(Row));

    private static string[] Row(CaseComparison item) =>
    [
        item.Before.Case, item.Before.Pass, item.Before.Where, item.Before.DType,
        BenchTable.Digits(item.Before.P50), BenchTable.Digits(item.After.P50),
        item.Ratio?.ToString("0.000", CultureInfo.InvariantCulture) ?? "-", item.Verdict.ToString().ToLowerInvariant(), item.Reason,
    ];

    /// <summary>What makes a case the same.</summary>
    private readonly record struct Key(string Case, string Pass, string Device, string DType, int Threads, string Engine, bool Cold)
    {
        public static Key Of(BenchRecord record) => new(record.Case, record.Pass, record.Device, record.DType, record.Threads, record.Engine, record.Cold);
    }
}
