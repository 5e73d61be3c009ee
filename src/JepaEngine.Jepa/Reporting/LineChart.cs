namespace JepaEngine.Jepa.Reporting;

/// <summary>Lines over a common horizontal axis, with a legend above.</summary>
internal static class LineChart
{
    public const double Width = 480, Height = 290;
    internal const double Left = 50, Right = 468, Top = 32, Bottom = 250;

    public static string Draw(string horizontal, bool logarithmic, params ReadOnlySpan<(string Name, Curve Curve)> lines)
    {
        List<float> steps = [], values = [];
        List<string> names = [];
        foreach (var (name, curve) in lines)
        {
            names.Add(name);
            steps.AddRange(curve.Steps);
            values.AddRange(curve.Values);
        }
        var svg = new Svg(Width, Height, $"{string.Join(", ", names)} by {horizontal}");
        var x = Axis.Around(steps, Left, Right);
        var y = Axis.Around(values, Bottom, Top, logarithmic, withZero: !logarithmic);
        Frame(svg, x, y, horizontal);
        double legend = Left;
        for (int i = 0; i < lines.Length; i++)
        {
            var (name, curve) = lines[i];
            // Behind another line the first one steps back.
            string style = i == 0 && lines.Length > 1 ? "line faint c0" : $"line c{i}";
            svg.Path(curve.Steps.Zip(curve.Values, (step, value) => (x.At(step), y.At(value))), style);
            if (curve.Steps.Length <= 40)
            {
                foreach (var (step, value) in curve.Steps.Zip(curve.Values))
                {
                    if (float.IsFinite(value))
                        svg.Circle(x.At(step), y.At(value), 3, $"dot c{i}");
                }
            }
            svg.Line(legend, 13, legend + 20, 13, style).Text(legend + 26, 17.5, name, style: "t strong");
            legend += 50 + name.Length * 7.2;
        }
        return svg.ToString();
    }

    /// <summary>Grid, ticks and the horizontal axis.</summary>
    internal static void Frame(Svg svg, Axis x, Axis y, string horizontal)
    {
        foreach (double tick in y.Ticks())
            svg.Line(Left, y.At(tick), Right, y.At(tick), "grid").Text(Left - 8, y.At(tick) + 4, Axis.Label(tick), "end");
        svg.Line(Left, Bottom, Right, Bottom, "axis");
        foreach (double tick in x.Ticks())
            svg.Line(x.At(tick), Bottom, x.At(tick), Bottom + 5, "axis").Text(x.At(tick), Bottom + 19, Axis.Label(tick), "middle");
        svg.Text((Left + Right) / 2, Height - 4, horizontal, "middle");
    }
}
