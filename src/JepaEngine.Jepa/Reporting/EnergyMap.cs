namespace JepaEngine.Jepa.Reporting;

/// <summary>The planner's cost over the two action dimensions as a heat map, with the chosen action marked.</summary>
internal static class EnergyMap
{
    private const double Left = 48, Top = 12, Side = 300, BarLeft = 372, BarWidth = 16;

    public static string Draw(EnergyLandscape energy)
    {
        var svg = new Svg(LineChart.Width, 356, "The planner's cost over the two dimensions of the first action");
        var finite = energy.Costs.Where(float.IsFinite).DefaultIfEmpty(0).ToArray();
        float low = finite.Min(), high = finite.Max();
        byte[] rgb = new byte[energy.Costs.Length * 3], bar = new byte[64 * 3];
        for (int i = 0; i < energy.Costs.Length; i++)
            Colours.Viridis((energy.Costs[i] - low) / (high - low), rgb.AsSpan(3 * i));
        for (int i = 0; i < 64; i++)
            Colours.Viridis(1 - i / 63f, bar.AsSpan(3 * i));
        svg.Image(Left, Top, Side, Side, Svg.Address(rgb, energy.Size, energy.Size));
        svg.Image(BarLeft, Top, BarWidth, Side, Svg.Address(bar, 1, 64));
        // The middles of the outer cells are the actions -1 and 1; rows point down like the frame's.
        double half = Side / energy.Size / 2;
        Axis x = new(-1, 1, Left + half, Left + Side - half), y = new(-1, 1, Top + half, Top + Side - half);
        var cost = new Axis(low, high, Top + Side, Top);
        foreach (double tick in new[] { -1, -.5, 0, .5, 1 })
        {
            svg.Line(x.At(tick), Top + Side, x.At(tick), Top + Side + 5, "axis");
            svg.Text(x.At(tick), Top + Side + 19, Axis.Label(tick), "middle");
            svg.Line(Left - 5, y.At(tick), Left, y.At(tick), "axis").Text(Left - 8, y.At(tick) + 4, Axis.Label(tick), "end");
        }
        foreach (double tick in cost.Ticks())
            svg.Text(BarLeft + BarWidth + 6, cost.At(tick) + 4, Axis.Label(tick));
        svg.Text(Left + Side / 2, Top + Side + 38, "action, right →", "middle");
        svg.Text(14, Top + Side / 2, "← action, down", "middle", turned: true);
        svg.Text(BarLeft + BarWidth / 2, Top + Side + 19, "cost", "middle");
        double chosenX = x.At(energy.Chosen[0]), chosenY = y.At(energy.Chosen[1]);
        return svg.Circle(chosenX, chosenY, 8, "halo").Circle(chosenX, chosenY, 8, "mark").ToString();
    }
}
