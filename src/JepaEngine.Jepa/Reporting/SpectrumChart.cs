namespace JepaEngine.Jepa.Reporting;

/// <summary>Eigenvalues as bars, and the share of the variance that the first ones hold as a line on an axis of its own.</summary>
internal static class SpectrumChart
{
    private const double Right = 428;

    public static string Draw(float[] eigenvalues)
    {
        var svg = new Svg(LineChart.Width, LineChart.Height, "Eigenvalues of the embeddings' covariance and their cumulative share");
        double left = LineChart.Left, top = LineChart.Top, bottom = LineChart.Bottom, slot = (Right - left) / eigenvalues.Length;
        var y = Axis.Around(eigenvalues, bottom, top, withZero: true);
        var share = new Axis(0, 100, bottom, top);
        foreach (double tick in y.Ticks())
            svg.Line(left, y.At(tick), Right, y.At(tick), "grid").Text(left - 8, y.At(tick) + 4, Axis.Label(tick), "end");
        for (int percent = 0; percent <= 100; percent += 25)
            svg.Text(Right + 6, share.At(percent) + 4, $"{percent} %");
        var points = new List<(double, double)>();
        double total = eigenvalues.Sum(), sum = 0;
        for (int i = 0; i < eigenvalues.Length; i++)
        {
            sum += eigenvalues[i];
            string tip = string.Create(CultureInfo.InvariantCulture, $"{i + 1}: {eigenvalues[i]:0.###}, {100 * sum / total:0.#} % so far");
            svg.Rect(left + i * slot + .12 * slot, y.At(eigenvalues[i]), .76 * slot, bottom - y.At(eigenvalues[i]), "bar c0", tip);
            points.Add((left + (i + .5) * slot, share.At(100 * sum / total)));
            if (i == 0 || (i + 1) % 4 == 0)
                svg.Text(left + (i + .5) * slot, bottom + 19, Axis.Label(i + 1), "middle");
        }
        svg.Path(points, "line c1").Line(left, bottom, Right, bottom, "axis");
        svg.Rect(left, 7, 12, 12, "bar c0").Text(left + 18, 17.5, "eigenvalue", style: "t strong");
        svg.Line(left + 110, 13, left + 130, 13, "line c1").Text(left + 136, 17.5, "cumulative share", style: "t strong");
        return svg.Text((left + Right) / 2, LineChart.Height - 4, "direction in the embedding space", "middle").ToString();
    }
}
