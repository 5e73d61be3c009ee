using static JepaEngine.Jepa.Benchmarking.TextTable;

namespace JepaEngine.Jepa.Benchmarking;

/// <summary>Records as tables. Numbers have a dot on every machine.</summary>
public static class BenchTable
{
    private static readonly (string Head, bool IsText, Func<BenchRecord, string> Cell)[] Columns =
    [
        ("case", true, r => r.Case),
        ("pass", true, r => r.Pass),
        ("device", true, r => r.Where),
        ("dtype", true, r => r.DType),
        ("n", false, r => Text($"{r.Samples.Length}")),
        ("p50 ms", false, r => Timed(r, r.P50)),
        ("p95", false, r => Timed(r, r.P95)),
        ("min", false, r => Timed(r, r.Min)),
        ("noise", false, r => r.IsSimulated || r.Noise is not { } noise ? "-" : Text($"{100 * noise:0.0} %")),
        ("rate", false, Rate),
        ("% peak", false, OfPeak),
        ("allocated", false, r => r.Allocated is { } bytes ? Text($"{bytes}") : "-"),
        ("launches", false, r => r.Launches is { } launches ? Text($"{launches}") : "-"),
        ("reference", true, Reference),
    ];

    /// <summary>Aligned with spaces, for a terminal.</summary>
    public static IEnumerable<string> Plain(IReadOnlyList<BenchRecord> records) => TextTable.Plain(Columns, records);

    /// <summary>Markdown, which is aligned too.</summary>
    public static IEnumerable<string> Markdown(IReadOnlyList<BenchRecord> records) => TextTable.Markdown(Columns, records);

    /// <summary>Comma-separated values in basic units, without the samples.</summary>
    public static IEnumerable<string> Csv(IReadOnlyList<BenchRecord> records) =>
    [
        "case,pass,device,threads,dtype,engine,cold,n,p50_ms,p95_ms,min_ms,noise,gflops,gigabytes,of_peak,allocated,launches,moved,reference,reference_p50_ms",
        .. records.Select(r => Text($"{Quoted(r.Case)},{r.Pass},{r.Device},{r.Threads},{r.DType},{Quoted(r.Engine)},{r.Cold},{r.Samples.Length},{r.P50},{r.P95},{r.Min},")
            + Text($"{r.Noise},{r.Gflops},{r.Gigabytes},{r.OfPeak},{r.Allocated},{r.Launches},{r.Moved},{Quoted(Fastest(r)?.Engine ?? "")},{Fastest(r)?.P50}")),
    ];

    /// <summary>The limits a run met, one line a device and dtype.</summary>
    public static IEnumerable<string> Peaks(IEnumerable<BenchRecord> records) => records.Where(r => r.PeakGflops > 0)
        .Select(r => Text($"peak     {r.Where} {r.DType}: {Digits(r.PeakGflops)} GFLOP/s ({r.PeakOf}), copy {Digits(r.PeakGigabytes)} GB/s"))
        .Distinct();

    /// <summary>Four digits that count, without an exponent.</summary>
    internal static string Digits(double value)
    {
        int decimals = value > 0 ? Math.Clamp(3 - (int)Math.Floor(Math.Log10(value)), 0, 6) : 0;
        return value.ToString("F" + decimals.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
    }

    private static string Timed(BenchRecord record, double milliseconds) => record.IsSimulated ? "-" : Digits(milliseconds);

    /// <summary>GFLOP/s or GB/s, by what bounds it.</summary>
    internal static string Rate(BenchRecord record) => record.IsSimulated ? "-"
        : record.IsMemoryBound ? Digits(record.Gigabytes) + " GB/s"
        : record.Flops > 0 ? Digits(record.Gflops) + " GFLOP/s" : "-";

    /// <summary>Per cent of the limit that bounds it.</summary>
    internal static string OfPeak(BenchRecord record) => record.OfPeak is { } share ? Text($"{100 * share:0}") : "-";

    private static BenchReference? Fastest(BenchRecord record) => record.References.MinBy(reference => reference.P50);

    /// <summary>How many times as long the fastest of the others takes.</summary>
    private static string Reference(BenchRecord record) =>
        Fastest(record) is { } other && !record.IsSimulated ? Text($"{other.P50 / record.P50:0.00}x {other.Engine}") : "-";

    private static string Quoted(string text) => $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
