namespace JepaEngine.Jepa.Reporting;

/// <summary>Maps values to a picture's coordinates, linearly or by the logarithm, and chooses round ticks.</summary>
internal readonly struct Axis
{
    private readonly double low, high, from, to;
    private readonly bool logarithmic;

    /// <param name="low">Smallest value shown.</param>
    /// <param name="high">Largest value shown.</param>
    /// <param name="from">Coordinate of the smallest.</param>
    /// <param name="to">Coordinate of the largest.</param>
    /// <param name="logarithmic">By the logarithm.</param>
    public Axis(double low, double high, double from, double to, bool logarithmic = false)
    {
        // An axis of no extent gets some.
        if (!(high > low))
        {
            // Beyond 2^50 a half is less than the ticks' arithmetic can tell apart.
            double half = Math.Max(.5, Math.Abs(low) * 1e-6);
            (low, high) = logarithmic ? (low / 2, low * 2) : (low - half, low + half);
        }
        (this.low, this.high, this.from, this.to, this.logarithmic) = (low, high, from, to, logarithmic);
    }

    /// <summary>An axis that shows all values that it can.</summary>
    public static Axis Around(IEnumerable<float> values, double from, double to, bool logarithmic = false, bool withZero = false)
    {
        double least = withZero ? 0 : double.PositiveInfinity, most = withZero ? 0 : double.NegativeInfinity;
        foreach (float value in values)
        {
            if (!float.IsFinite(value) || (logarithmic && value <= 0))
                continue;
            least = Math.Min(least, value);
            most = Math.Max(most, value);
        }
        if (least > most)
            (least, most) = (1, 10);
        if (logarithmic)
            return new Axis(least / 1.15, most * 1.15, from, to, true);
        return new Axis(least, most + (withZero ? .06 * (most - least) : 0), from, to);
    }

    /// <summary>The coordinate of a value; not a number where there is none.</summary>
    public double At(double value)
    {
        double part = logarithmic ? Math.Log(value / low) / Math.Log(high / low) : (value - low) / (high - low);
        return from + part * (to - from);
    }

    /// <summary>Round values inside the axis.</summary>
    public IEnumerable<double> Ticks()
    {
        if (!logarithmic)
            return LinearTicks(low, high);
        var all = LogTicks(low, high, 1, 2, 5);
        // Within less than a decade 1, 2 and 5 may leave a single tick.
        return all.Count > 9 ? LogTicks(low, high, 1) : all.Count < 3 ? LinearTicks(low, high) : all;
    }

    /// <summary>A tick's value as text.</summary>
    public static string Label(double value) => Math.Abs(value) is >= 1e6 or (> 0 and < 1e-4)
        ? value.ToString("0.#e0", CultureInfo.InvariantCulture)
        : (Math.Round(value, 6) + 0.0).ToString("#,0.######", CultureInfo.InvariantCulture);

    private static List<double> LinearTicks(double low, double high)
    {
        double raw = (high - low) / 5, unit = Math.Pow(10, Math.Floor(Math.Log10(raw)));
        double step = (raw / unit) switch { < 1.5 => unit, < 3.5 => 2 * unit, < 7.5 => 5 * unit, _ => 10 * unit };
        var ticks = new List<double>();
        for (double i = Math.Ceiling(low / step - 1e-9); i * step <= high + 1e-9 * step; i++)
            ticks.Add(i * step);
        return ticks;
    }

    private static List<double> LogTicks(double low, double high, params ReadOnlySpan<int> digits)
    {
        var ticks = new List<double>();
        for (int power = (int)Math.Floor(Math.Log10(low)); power <= Math.Log10(high); power++)
        {
            foreach (int digit in digits)
            {
                double value = digit * Math.Pow(10, power);
                if (value >= low && value <= high)
                    ticks.Add(value);
            }
        }
        return ticks;
    }
}
