using System.Globalization;

namespace JepaEngine.Jepa.Benchmarking;

/// <summary>Two results files of the same cases, by whom they were measured and when being all that differs.</summary>
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

    /// <summary>Compares. A case that a file has several times, as runs by turns give, is all of its samples.</summary>
    /// <param name="before">What was.</param>
    /// <param name="after">What is.</param>
    /// <param name="threshold">The smallest difference that matters, as 0.05.</param>
    public static Comparison Of(IEnumerable<BenchRecord> before, IEnumerable<BenchRecord> after, double threshold)
    {
        Dictionary<Key, BenchRecord> first = Pool(before), second = Pool(after);
        return new Comparison(
            [.. first.Where(item => second.ContainsKey(item.Key)).Select(item => CaseComparison.Of(item.Value, second[item.Key], threshold))],
            [.. first.Where(item => !second.ContainsKey(item.Key)).Select(item => item.Value)],
            [.. second.Where(item => !first.ContainsKey(item.Key)).Select(item => item.Value)]);
    }

    /// <summary>Aligned with spaces, for a terminal.</summary>
    public IEnumerable<string> Plain() => TextTable.Plain(Columns, Cases.Select(Row));

    /// <summary>Markdown.</summary>
    public IEnumerable<string> Markdown() => TextTable.Markdown(Columns, Cases.Select(Row));

    /// <summary>A case's name, pass, device and dtype in words.</summary>
    public static string Name(BenchRecord record) => string.Join(' ', Place(record)) + (record.Cold ? "" : " warm");

    private static Dictionary<Key, BenchRecord> Pool(IEnumerable<BenchRecord> records) =>
        records.GroupBy(Key.Of).ToDictionary(group => group.Key,
        group => group.Aggregate((sum, next) =>
            sum with { Samples = [.. sum.Samples, .. next.Samples], Machine = sum.Machine == next.Machine ? sum.Machine : null }));

    private static string[] Row(CaseComparison item) =>
    [
        .. Place(item.Before), BenchTable.Digits(item.Before.P50), BenchTable.Digits(item.After.P50),
        item.Ratio?.ToString("0.000", CultureInfo.InvariantCulture) ?? "-", item.Verdict.ToString().ToLowerInvariant(), item.Reason,
    ];

    private static string[] Place(BenchRecord record) =>
        [record.Case, record.Pass, record.Device + (record.Threads > 0 ? string.Create(CultureInfo.InvariantCulture, $" x{record.Threads}") : ""), record.DType];

    /// <summary>What makes a case the same.</summary>
    private readonly record struct Key(string Case, string Pass, string Device, string DType, int Threads, string Engine, bool Cold)
    {
        public static Key Of(BenchRecord record) => new(record.Case, record.Pass, record.Device, record.DType, record.Threads, record.Engine, record.Cold);
    }
}
