using JepaEngine.Jepa.Reporting;

namespace JepaEngine.Jepa.Benchmarking;

/// <summary>A roofline as a picture that needs nothing else: both roofs, a numbered dot a case or operation, and below them what the numbers mean.</summary>
public static class RooflineChart
{
    private const double Width = 800, Left = 66, Right = 780, Top = 64, Bottom = 420;
    private const double KeyTop = 496, KeyRow = 19, KeyTime = 332, KeyWidth = 374;

    private const string Foot = "FLOPs and bytes are analytic, times and roofs measured in the same run. Where one of both is not counted there is no dot.";

    private const string Css = """
        text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif; fill: #1d232b; }
        .page { fill: #ffffff; } .soft { fill: #5c6672; } .title { font-size: 17px; font-weight: 650; } .n { font-weight: 650; font-size: 11px; }
        .key { font-size: 11px; }
        .grid { stroke: #e9e7e2; } .axis { stroke: #5c6672; } .ridge { stroke: #9aa4b0; stroke-dasharray: 2 4; } .leader { stroke: #9aa4b0; }
        .roof { fill: none; stroke: #1d232b; stroke-width: 2; stroke-linejoin: round; } .near { fill: none; stroke: #9aa4b0; stroke-dasharray: 5 4; }
        .Compute { fill: #0072b2; } .Memory { fill: #009e73; } .Latency { fill: #d55e00; } .Unknown { fill: #9aa4b0; }
        .dot { stroke: #ffffff; stroke-width: 1; }
        """;

    /// <summary>The SVG file's text.</summary>
    /// <exception cref="ArgumentException">It has no measured limits.</exception>
    public static string Draw(Roofline roofline)
    {
        if (!roofline.HasRoofs)
            throw new ArgumentException($"of {roofline.Name} no limits were measured, so there is no roof to draw");
        double height = KeyTop + KeyRow * ((roofline.Points.Count + 1) / 2) + 38;
        var svg = new Svg(Width, height, $"Roofline of {roofline.Name}");
        svg.Rect(0, 0, Width, height, "page").Text(20, 28, $"Roofline of {roofline.Name}", style: "title");
        if (roofline.Machine is { } machine)
            svg.Text(20, 47, $"{(roofline.Points.All(point => point.Device == "cpu") ? machine.Cpu : machine.Gpu)} · {machine.Build}", style: "soft");
        RooflinePoint[] points = [.. roofline.Points.Where(point => point is { Intensity: not null, Gflops: not null })];
        double low = Math.Min(roofline.Ridge / 4, Least(points, point => point.Intensity)) / 2;
        double high = Math.Max(roofline.Ridge * 4, Most(points, point => point.Intensity)) * 2;
        double bottom = Math.Min(RooflinePoint.Near * low * roofline.PeakGigabytes, Least(points, point => point.Gflops) / 2);
        double top = Math.Max(roofline.PeakGflops, Most(points, point => point.Gflops)) * 1.8;
        var x = new Axis(low, high, Left, Right, logarithmic: true);
        var y = new Axis(bottom, top, Bottom, Top, logarithmic: true);
        Frame(svg, x, y);
        var labels = new RooflineLabels(Left, Top, Right, Bottom);
        Roofs(svg, roofline, x, y, (low, high), labels);
        Bounds(svg, labels);
        Dots(svg, points, x, y, labels);
        Key(svg, roofline.Points);
        svg.Text(20, height - 14, Foot, style: "soft");
        // The picture inside carries the coordinates; the one around it makes a file of it.
        string size = string.Create(CultureInfo.InvariantCulture, $"width=\"{Width}\" height=\"{height}\"");
        return $"<svg xmlns=\"http://www.w3.org/2000/svg\" {size}><style>{Css}</style>{svg}</svg>\n";
    }

    private static void Frame(Svg svg, Axis x, Axis y)
    {
        foreach (double tick in y.Ticks())
            svg.Line(Left, y.At(tick), Right, y.At(tick), "grid").Text(Left - 8, y.At(tick) + 4, Label(tick), "end", "soft");
        foreach (double tick in x.Ticks())
            svg.Line(x.At(tick), Top, x.At(tick), Bottom, "grid").Text(x.At(tick), Bottom + 18, Label(tick), "middle", "soft");
        svg.Line(Left, Bottom, Right, Bottom, "axis").Line(Left, Top, Left, Bottom, "axis");
        svg.Text((Left + Right) / 2, Bottom + 38, "arithmetic intensity, FLOP a byte", "middle", "soft");
        svg.Text(18, (Top + Bottom) / 2, "GFLOP/s", "middle", "soft", turned: true);
    }

    /// <summary>Both roofs with their numbers, and dashed what is near enough to be bound by them.</summary>
    private static void Roofs(Svg svg, Roofline roofline, Axis x, Axis y, (double Low, double High) range, RooflineLabels labels)
    {
        svg.Line(x.At(roofline.Ridge), y.At(roofline.PeakGflops), x.At(roofline.Ridge), Bottom, "ridge");
        svg.Path(Roof(RooflinePoint.Near), "near").Path(Roof(1), "roof");
        Write(Right - 6, y.At(roofline.PeakGflops) - 8, RooflineTable.Compute(roofline), "end");
        Write(Right - 6, y.At(RooflinePoint.Near * roofline.PeakGflops) - 6, $"{RooflineTable.Percent(RooflinePoint.Near)} %", "end", "soft");
        Write(x.At(roofline.Ridge) + 6, Bottom - 8, $"ridge {BenchTable.Digits(roofline.Ridge)}", "start", "soft");
        double middle = Math.Sqrt(range.Low * roofline.Ridge);
        Write(x.At(middle) - 10, y.At(middle * roofline.PeakGigabytes) - 8, RooflineTable.Memory(roofline), "end");

        IEnumerable<(double X, double Y)> Roof(double part) => new[] { range.Low, roofline.Ridge, range.High }
            .Select(at => (x.At(at), y.At(part * Math.Min(roofline.PeakGflops, at * roofline.PeakGigabytes))));

        void Write(double left, double baseline, string text, string anchor, string style = "t")
        {
            svg.Text(left, baseline, text, anchor, style);
            double width = 6.6 * text.Length;
            labels.Take(anchor == "end" ? left - width : left, baseline - 11, width, 14);
        }
    }

    private static void Dots(Svg svg, RooflinePoint[] points, Axis x, Axis y, RooflineLabels labels)
    {
        (double X, double Y)[] places = [.. points.Select(point => (x.At(point.Intensity!.Value), y.At(point.Gflops!.Value)))];
        foreach ((double left, double top) in places)
            labels.Take(left - 4, top - 4, 8, 8);
        (double X, double Y)[] numbers = [.. points.Zip(places, (point, place) => labels.Place(place, 4 + 7 * Number(point).Length, 12))];
        foreach ((var number, var place) in numbers.Zip(places))
        {
            // Beside its dot a number needs no line, which would look like a minus.
            if (double.Hypot(number.X - place.X, number.Y - place.Y) > 16)
                svg.Line(place.X, place.Y, number.X, number.Y, "leader");
        }
        for (int i = 0; i < points.Length; i++)
            svg.Circle(places[i].X, places[i].Y, 4.5, $"dot {points[i].Bound}").Text(numbers[i].X, numbers[i].Y + 4, Number(points[i]), "middle", "n");
    }

    private static void Key(Svg svg, IReadOnlyList<RooflinePoint> points)
    {
        int rows = (points.Count + 1) / 2;
        for (int i = 0; i < points.Count; i++)
        {
            RooflinePoint point = points[i];
            double left = 20 + (KeyWidth + 12) * (i / rows), at = KeyTop + KeyRow * (i % rows);
            if (i % rows == 0)
                svg.Text(left + KeyTime, at - 20, "% time", "end", "soft key").Text(left + KeyWidth, at - 20, "% roof", "end", "soft key");
            svg.Text(left + 16, at, Number(point), "end", "n").Circle(left + 27, at - 4, 4.5, $"dot {point.Bound}");
            svg.Text(left + 38, at, point.Label, style: "key");
            svg.Text(left + KeyTime, at, RooflineTable.Percent(point.Share, "0.0"), "end", "key");
            svg.Text(left + KeyWidth, at, RooflineTable.Percent(point.OfRoof), "end", "key");
        }
    }

    /// <summary>The colours, in the corner that no work can reach.</summary>
    private static void Bounds(Svg svg, RooflineLabels labels)
    {
        double at = Top + 16;
        foreach (RooflineBound bound in (RooflineBound[])[RooflineBound.Compute, RooflineBound.Memory, RooflineBound.Latency])
        {
            svg.Circle(Left + 16, at - 4, 4.5, $"dot {bound}").Text(Left + 26, at, RooflineTable.Bound(bound), style: "soft");
            at += 18;
        }
        labels.Take(Left, Top, 130, at - Top);
    }

    private static double Least(RooflinePoint[] points, Func<RooflinePoint, double?> of) => points.Min(of) ?? double.PositiveInfinity;

    private static double Most(RooflinePoint[] points, Func<RooflinePoint, double?> of) => points.Max(of) ?? 0;

    private static string Number(RooflinePoint point) => point.Number.ToString(CultureInfo.InvariantCulture);

    // No comma between thousands: elsewhere it would be read as a decimal one.
    private static string Label(double tick) => tick.ToString("0.######", CultureInfo.InvariantCulture);
}
