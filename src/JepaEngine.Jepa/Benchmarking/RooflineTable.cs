using System.Globalization;

namespace JepaEngine.Jepa.Benchmarking;

/// <summary>A roofline as a table. Numbers have a dot on every machine.</summary>
public static class RooflineTable
{
    private static readonly (string Head, bool IsText, Func<RooflinePoint, string> Cell)[] Columns =
    [
        ("#", false, p => Text($"{p.Number}")),
        ("case", true, p => p.Case),
        ("pass", true, p => p.Pass),
        ("p50 ms", false, p => p.Milliseconds is { } time ? BenchTable.Digits(time) : "-"),
        ("% time", false, p => Percent(p.Share, "0.0")),
        ("MFLOP", false, p => p.Flops > 0 ? BenchTable.Digits(p.Flops * 1e-6) : "-"),
        ("MB", false, p => p.Bytes > 0 ? BenchTable.Digits(p.Bytes * 1e-6) : "-"),
        ("FLOP/B", false, p => p.Intensity is { } intensity ? BenchTable.Digits(intensity) : "-"),
        ("% FLOP/s", false, p => Percent(p.OfCompute)),
        ("% GB/s", false, p => Percent(p.OfBandwidth)),
        ("bound", true, p => Bound(p.Bound)),
        ("launches", false, p => p.Launches is { } launches ? Text($"{launches}") : "-"),
        ("try", true, p => p.Try),
    ];

    /// <summary>Its roofs, one line.</summary>
    public static string Roofs(Roofline roofline) => !roofline.HasRoofs
        ? $"{roofline.Name}: no limits were measured"
        : $"{roofline.Name}: {Compute(roofline)}, {Memory(roofline)}, ridge at {BenchTable.Digits(roofline.Ridge)} FLOP/B";

    /// <summary>Aligned with spaces, for a terminal.</summary>
    public static IEnumerable<string> Plain(Roofline roofline) => TextTable.Plain(Columns, roofline.Points);

    /// <summary>Markdown, which is aligned too.</summary>
    public static IEnumerable<string> Markdown(Roofline roofline) => TextTable.Markdown(Columns, roofline.Points);

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
        _ => "-",
    };

    /// <summary>A share in percent, or a dash.</summary>
    internal static string Percent(double? share, string format = "0") =>
        share is { } part ? (100 * part).ToString(format, CultureInfo.InvariantCulture) : "-";

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
