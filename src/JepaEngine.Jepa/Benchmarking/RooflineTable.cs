using static JepaEngine.Jepa.Benchmarking.TextTable;
using Column = (string Head, bool IsText, System.Func<JepaEngine.Jepa.Benchmarking.RooflinePoint, string> Cell);

namespace JepaEngine.Jepa.Benchmarking;

/// <summary>A roofline as a table: its cases, or the operations of one. Numbers have a dot on every machine.</summary>
public static class RooflineTable
{
    private static readonly Column Number = ("#", false, p => p.Number > 0 ? Text($"{p.Number}") : "");

    private static readonly Column Share = ("% time", false, p => Percent(p.Share, "0.0"));

    private static readonly Column[] Work =
    [
        ("MFLOP", false, p => p.Flops > 0 ? BenchTable.Digits(p.Flops * 1e-6) : "-"),
        ("MB", false, p => p.Bytes > 0 ? BenchTable.Digits(p.Bytes * 1e-6) : "-"),
        ("FLOP/B", false, p => p.Intensity is { } intensity ? BenchTable.Digits(intensity) : "-"),
        ("% FLOP/s", false, p => Percent(p.OfCompute)),
        ("% GB/s", false, p => Percent(p.OfBandwidth)),
        ("bound", true, p => Bound(p.Bound)),
    ];

    private static readonly Column[] Kernels =
    [
        ("regs", false, p => p.Registers is { } registers ? Text($"{registers}") : "-"),
        ("shared KiB", false, p => p.SharedBytes is { } bytes ? Text($"{bytes / 1024.0:0.#}") : "-"),
    ];

    private static readonly Column[] Cases =
    [
        Number, ("case", true, p => p.Case), ("pass", true, p => p.Pass), ("p50 ms", false, Time), Share, .. Work,
        ("launches", false, p => p.Launches is { } launches ? Text($"{launches}") : "-"),
    ];

    private static readonly Column[] Operations =
    [
        Number, ("operation", true, p => p.Operation!), ("shape", true, p => p.Shape!),
        ("calls", false, p => Text($"{p.Calls}")), ("ms each", false, Time), Share, .. Work,
    ];

    /// <summary>Its roofs, one line.</summary>
    public static string Roofs(Roofline roofline) => !roofline.HasRoofs
        ? $"{roofline.Name}: no limits were measured"
        : $"{roofline.Name}: {Compute(roofline)}, {Memory(roofline)}, ridge at {BenchTable.Digits(roofline.Ridge)} FLOP/B";

    /// <summary>A run in one line: its time, how many calls it is, and its rate.</summary>
    public static string Summary(RooflineRun run)
    {
        string calls = Text($"{run.Operations.Sum(point => point.Calls)} calls") + (run.Case.Launches is { } launches ? Text($", {launches} launches") : "");
        string work = $"{calls}, {BenchTable.Digits(run.Case.Flops * 1e-9)} GFLOP";
        return run.Case is { Milliseconds: { } time, Gflops: { } rate }
            ? $"{BenchTable.Digits(time)} ms, {work} at {BenchTable.Digits(rate)} GFLOP/s, {Percent(run.Case.OfCompute)} % of the limit"
            : work;
    }

    /// <summary>Aligned with spaces, for a terminal.</summary>
    public static IEnumerable<string> Plain(Roofline roofline) => TextTable.Plain(Columns(roofline), Rows(roofline));

    /// <summary>Markdown, which is aligned too.</summary>
    public static IEnumerable<string> Markdown(Roofline roofline) => TextTable.Markdown(Columns(roofline), Rows(roofline));

    /// <summary>What to try, a sentence a line, before it the numbers of its rows.</summary>
    public static IEnumerable<string> Advice(Roofline roofline) => Rows(roofline).Where(point => point.Number > 0 || point.IsHost)
        .GroupBy(point => point.Try).Select(same => $"{string.Join(", ", Names([.. same]))}: {same.Key}");

    /// <summary>The compute roof in words.</summary>
    internal static string Compute(Roofline roofline) => $"{BenchTable.Digits(roofline.PeakGflops)} GFLOP/s ({roofline.PeakOf})";

    /// <summary>The memory roof in words.</summary>
    internal static string Memory(Roofline roofline) => $"{BenchTable.Digits(roofline.PeakGigabytes)} GB/s (copy)";

    /// <summary>What bounds it, in a word or two.</summary>
    internal static string Bound(RooflineBound bound) => bound switch
    {
        RooflineBound.Compute => "compute",
        RooflineBound.Memory => "memory",
        RooflineBound.Latency => "launch/latency",
        RooflineBound.Host => "host",
        _ => "-",
    };

    /// <summary>A share in percent, or a dash.</summary>
    internal static string Percent(double? share, string format = "0") =>
        share is { } part ? (100 * part).ToString(format, CultureInfo.InvariantCulture) : "-";

    /// <summary>Kernels have columns where there are any.</summary>
    private static Column[] Columns(Roofline roofline) => roofline.Run is null ? Cases
        : [.. Operations, .. roofline.Points.Any(point => point.Kernels.Count > 0) ? Kernels : []];

    private static IEnumerable<RooflinePoint> Rows(Roofline roofline) =>
        roofline.Run is { } run ? [.. run.Shown, .. new[] { run.Others, run.Between }.OfType<RooflinePoint>()] : roofline.Points;

    /// <summary>As 1, 4-6.</summary>
    private static IEnumerable<string> Names(RooflinePoint[] points)
    {
        for (int first = 0, last = 0; first < points.Length; first = ++last)
        {
            while (last + 1 < points.Length && points[last + 1].Number == points[last].Number + 1)
                last++;
            RooflinePoint from = points[first], to = points[last];
            yield return from.IsHost ? from.Operation! : from == to ? $"{from.Number}" : $"{from.Number}-{to.Number}";
        }
    }

    private static string Time(RooflinePoint point) => point.Milliseconds is { } time ? BenchTable.Digits(time) : "-";
}
