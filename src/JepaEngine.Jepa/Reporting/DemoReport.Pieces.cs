using System.Text;

namespace JepaEngine.Jepa.Reporting;

// Small pieces of the page, and how numbers are written.
public static partial class DemoReport
{
    private static string E(string value) => Svg.Escape(value);

    private static string Tile(string name, string value, string note) =>
        $"<div><dt>{E(name)}</dt><dd>{E(value)}<small>{E(note)}</small></dd></div>\n";

    private static void Fact(StringBuilder page, string name, string value) =>
        page.Append(CultureInfo.InvariantCulture, $"<dt>{E(name)}</dt><dd>{E(value)}</dd>\n");

    private static void Figure(StringBuilder page, string title, string picture, string caption)
    {
        page.Append(CultureInfo.InvariantCulture, $"<figure class=\"card\"><h3>{E(title)}</h3>{picture}");
        page.Append(CultureInfo.InvariantCulture, $"<figcaption>{E(caption)}</figcaption></figure>\n");
    }

    // A noisy curve and its mean over ten values to each side.
    private static (string, Curve)[] WithMean(Curve curve)
    {
        const int Side = 10;
        float[] mean = new float[curve.Values.Length];
        for (int i = 0; i < mean.Length; i++)
            mean[i] = curve.Values[Math.Max(0, i - Side)..Math.Min(mean.Length, i + Side + 1)].Average();
        return [("measured", curve), ("running mean", new Curve(curve.Steps, mean))];
    }

    private static double Share(GroupResult group) => (double)group.Successes / group.Episodes;

    private static string Percent(GroupResult group) =>
        group.Episodes == 0 ? "–" : string.Create(CultureInfo.InvariantCulture, $"{100 * Share(group):0.#} %");

    private static string Accepted(Check check) => (check.Low, check.High) switch
    {
        ({ } low, { } high) => $"{Significant(low)} to {Significant(high)}",
        ({ } low, null) => $"≥ {Significant(low)}",
        (null, { } high) => $"≤ {Significant(high)}",
        _ => "any",
    };

    private static string Duration(double seconds) => seconds switch
    {
        < 10 => string.Create(CultureInfo.InvariantCulture, $"{seconds:0.00} s"),
        < 120 => string.Create(CultureInfo.InvariantCulture, $"{seconds:0.0} s"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{(int)(seconds / 60)} min {seconds % 60:0} s"),
    };

    private static string Number(double value, int digits) =>
        double.IsFinite(value) ? value.ToString("F" + digits, CultureInfo.InvariantCulture) : "–";

    // Three significant digits, and all of a larger number's.
    private static string Significant(double value)
    {
        if (!double.IsFinite(value))
            return "not a number";
        int digits = value == 0 ? 0 : Math.Clamp(2 - (int)Math.Floor(Math.Log10(Math.Abs(value))), 0, 6);
        return value.ToString("#,0." + new string('#', digits), CultureInfo.InvariantCulture);
    }

    private static string Count(int number, string unit) => $"{number} {unit}{(number == 1 ? "" : "s")}";

    private static string Capital(string value) => value.Length == 0 ? value : char.ToUpperInvariant(value[0]) + value[1..];

    private static string Lower(string value) => value.Length == 0 ? value : char.ToLowerInvariant(value[0]) + value[1..];
}
