using JepaEngine.Jepa.Reporting;

namespace JepaEngine.Jepa.Benchmarking;

/// <summary>A history as a picture that needs nothing else: medians run by run, and around each what another run of the same build would differ by.</summary>
public static class HistoryChart
{
    private const double Width = 800, Left = 66, Right = 780, Top = 66, Bottom = 330, KeyRow = 19;

    /// <summary>As many runs can be told apart by their date and commit below the axis.</summary>
    private const int MostLabels = 8;

    private const int Colours = 7;

    private const string Foot = "Median, ms. Band: by how much a second run of the same build differs at most in 19 of 20 cases, from the samples.";

    private const string Css = """
        text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif; fill: #1d232b; }
        .page { fill: #ffffff; } .soft { fill: #5c6672; } .title { font-size: 17px; font-weight: 650; }
        .grid { stroke: #e9e7e2; } .axis { stroke: #5c6672; }
        .line { fill: none; stroke-width: 2; stroke-linejoin: round; } .band { stroke: none; opacity: .16; } .dot { stroke: #ffffff; } .bar { stroke-width: 6; opacity: .25; }
        .line.c0, .bar.c0 { stroke: #0072b2; } .band.c0, .dot.c0 { fill: #0072b2; } .line.c1, .bar.c1 { stroke: #d55e00; } .band.c1, .dot.c1 { fill: #d55e00; }
        .line.c2, .bar.c2 { stroke: #009e73; } .band.c2, .dot.c2 { fill: #009e73; } .line.c3, .bar.c3 { stroke: #cc79a7; } .band.c3, .dot.c3 { fill: #cc79a7; }
        .line.c4, .bar.c4 { stroke: #e69f00; } .band.c4, .dot.c4 { fill: #e69f00; } .line.c5, .bar.c5 { stroke: #56b4e9; } .band.c5, .dot.c5 { fill: #56b4e9; }
        .line.c6, .bar.c6 { stroke: #5c6672; } .band.c6, .dot.c6 { fill: #5c6672; }
        """;

    /// <summary>The SVG file's text.</summary>
    public static string Draw(BenchHistory history)
    {
        double keyTop = Bottom + 66, height = keyTop + KeyRow * history.Lines.Count + 24;
        var svg = new Svg(Width, height, $"History of {history.Case} {history.Pass}");
        svg.Rect(0, 0, Width, height, "page").Text(20, 28, $"{history.Case} · {history.Pass}", style: "title").Text(20, 47, history.Machine, style: "soft");
        double[] edges = [.. history.Lines.SelectMany(line => line.Records).SelectMany(record => new[] { Low(record), High(record) })];
        var x = new Axis(-0.5, history.Runs.Count - 0.5, Left, Right);
        var y = new Axis(edges.Min() / 1.1, edges.Max() * 1.1, Bottom, Top, logarithmic: true);
        Frame(svg, history, x, y);
        for (int i = 0; i < history.Lines.Count; i++)
        {
            Draw(svg, history, history.Lines[i], $"c{i % Colours}", x, y);
            Key(svg, history.Lines[i], $"c{i % Colours}", keyTop + KeyRow * i);
        }
        svg.Text(20, height - 10, Foot, style: "soft");
        string size = string.Create(CultureInfo.InvariantCulture, $"width=\"{Width}\" height=\"{height}\"");
        return $"<svg xmlns=\"http://www.w3.org/2000/svg\" {size}><style>{Css}</style>{svg}</svg>\n";
    }

    private static void Frame(Svg svg, BenchHistory history, Axis x, Axis y)
    {
        foreach (double tick in y.Ticks())
            svg.Line(Left, y.At(tick), Right, y.At(tick), "grid").Text(Left - 8, y.At(tick) + 4, tick.ToString("0.######", CultureInfo.InvariantCulture), "end", "soft");
        svg.Line(Left, Bottom, Right, Bottom, "axis").Line(Left, Top, Left, Bottom, "axis");
        int every = (history.Runs.Count + MostLabels - 1) / MostLabels;
        for (int run = 0; run < history.Runs.Count; run += every)
        {
            (string utc, string build) = history.Runs[run];
            svg.Text(x.At(run), Bottom + 18, utc.Split('T')[0], "middle", "soft").Text(x.At(run), Bottom + 34, Commit(build), "middle", "soft");
        }
    }

    private static void Draw(Svg svg, BenchHistory history, HistoryLine line, string colour, Axis x, Axis y)
    {
        var runs = history.Runs.Select(run => run.Utc).ToList();
        (double X, BenchRecord Record)[] points = [.. line.Records.Select(record => (x.At(runs.IndexOf(record.Utc!)), record))];
        if (points.Length > 1)
        {
            svg.Path([.. points.Select(point => (point.X, y.At(High(point.Record)))), .. points.Reverse().Select(point => (point.X, y.At(Low(point.Record))))], $"band {colour}");
            svg.Path(points.Select(point => (point.X, y.At(point.Record.P50))), $"line {colour}");
        }
        foreach ((double at, BenchRecord record) in points)
        {
            if (points.Length == 1)
                svg.Line(at, y.At(Low(record)), at, y.At(High(record)), $"bar {colour}");
            svg.Circle(at, y.At(record.P50), 4, $"dot {colour}");
        }
    }

    private static void Key(Svg svg, HistoryLine line, string colour, double at)
    {
        BenchRecord last = line.Records[^1];
        string noise = last.Noise is { } part ? string.Create(CultureInfo.InvariantCulture, $", noise {100 * part:0.0} %") : "";
        svg.Line(20, at - 4, 40, at - 4, $"line {colour}").Text(48, at, $"{line.Name}: {BenchTable.Digits(last.P50)} ms{noise}");
    }

    private static double Low(BenchRecord record) => record.P50 / (1 + (record.Noise ?? 0));

    private static double High(BenchRecord record) => record.P50 * (1 + (record.Noise ?? 0));

    /// <summary>A build's commit in as many letters as git shows; of a peer's, which says more, the first part.</summary>
    private static string Commit(string build) => build.Split('+') is [_, { Length: > 7 } commit] && build.StartsWith("JepaEngine", StringComparison.Ordinal) ? commit[..7] : build.Split(',')[0];
}
