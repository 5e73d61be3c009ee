using System.Net;
using System.Text;

namespace JepaEngine.Jepa.Reporting;

/// <summary>
/// Writes one inline SVG picture. Colours come from the page's style sheet through classes, so that a picture follows light and dark.
/// </summary>
internal sealed class Svg
{
    private readonly StringBuilder text = new();

    /// <summary>A picture in units of its own; the page scales it to the column's width.</summary>
    public Svg(double width, double height, string label) =>
        Add($"<svg viewBox=\"0 0 {width:0.##} {height:0.##}\" role=\"img\" aria-label=\"{Escape(label)}\">");

    /// <summary>Text as it may stand in HTML.</summary>
    public static string Escape(string value) => WebUtility.HtmlEncode(value);

    /// <summary>A PNG as the address of an image.</summary>
    public static string Address(ReadOnlySpan<byte> rgb, int width, int height) =>
        "data:image/png;base64," + Convert.ToBase64String(Png.Encode(rgb, width, height));

    public Svg Line(double x1, double y1, double x2, double y2, string style) =>
        Add($"<line class=\"{style}\" x1=\"{x1:0.##}\" y1=\"{y1:0.##}\" x2=\"{x2:0.##}\" y2=\"{y2:0.##}\"/>");

    public Svg Rect(double x, double y, double width, double height, string style, string tip = "")
    {
        string title = tip.Length == 0 ? "" : $"<title>{Escape(tip)}</title>";
        return Add($"<rect class=\"{style}\" x=\"{x:0.##}\" y=\"{y:0.##}\" width=\"{width:0.##}\" height=\"{height:0.##}\">{title}</rect>");
    }

    public Svg Circle(double x, double y, double radius, string style) =>
        Add($"<circle class=\"{style}\" cx=\"{x:0.##}\" cy=\"{y:0.##}\" r=\"{radius:0.##}\"/>");

    // The anchor is start, middle or end; turned text runs upwards.
    public Svg Text(double x, double y, string value, string anchor = "start", string style = "t", bool turned = false)
    {
        string turn = turned ? string.Create(CultureInfo.InvariantCulture, $" transform=\"rotate(-90 {x:0.##} {y:0.##})\"") : "";
        return Add($"<text class=\"{style}\" x=\"{x:0.##}\" y=\"{y:0.##}\" text-anchor=\"{anchor}\"{turn}>{Escape(value)}</text>");
    }

    /// <summary>A line through points; it breaks where a coordinate is not finite.</summary>
    public Svg Path(IEnumerable<(double X, double Y)> points, string style)
    {
        text.Append(CultureInfo.InvariantCulture, $"<path class=\"{style}\" d=\"");
        bool drawing = false;
        foreach ((double x, double y) in points)
        {
            bool finite = double.IsFinite(x) && double.IsFinite(y);
            if (finite)
                text.Append(CultureInfo.InvariantCulture, $"{(drawing ? 'L' : 'M')}{x:0.#} {y:0.#}");
            drawing = finite;
        }
        text.Append("\"/>");
        return this;
    }

    public Svg Image(double x, double y, double width, double height, string address)
    {
        Add($"<image x=\"{x:0.##}\" y=\"{y:0.##}\" width=\"{width:0.##}\" height=\"{height:0.##}\" preserveAspectRatio=\"none\"");
        return Add($" href=\"{address}\"/>");
    }

    /// <summary>The finished picture.</summary>
    public override string ToString() => text + "</svg>";

    /// <summary>What has no place is not drawn.</summary>
    private Svg Add(FormattableString piece)
    {
        if (!piece.GetArguments().OfType<double>().All(double.IsFinite))
            return this;
        text.Append(piece.ToString(CultureInfo.InvariantCulture));
        return this;
    }
}
