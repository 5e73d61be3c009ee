namespace JepaEngine.Jepa.Models;

/// <summary>Fixed sine-cosine positions: of a number p and D channels, sin(p ω_i) for i &lt; D/2, then cos(p ω_i), with
/// ω_i = period^(−i/(D/2)).</summary>
internal static class SinCosPositions
{
    /// <summary>
    /// I-JEPA's [side², width]: the first half of the channels encodes the <i>column</i>, the second the row (facebookresearch/ijepa, whose axes are exchanged
    /// against V-JEPA's).
    /// </summary>
    /// <param name="side">Patches along an edge.</param>
    /// <param name="width">Channels.</param>
    /// <param name="period">2π of it is the longest wave; the published models' is 10000.</param>
    public static float[] OfPicture(int side, int width, double period = 10000)
    {
        float[] table = new float[side * side * width];
        for (int id = 0; id < side * side; id++)
        {
            Span<float> row = table.AsSpan(id * width, width);
            Write(row[..(width / 2)], id % side, period);
            Write(row[(width / 2)..], id / side, period);
        }
        return table;
    }

    /// <summary>V-JEPA's [times · side², width]: time, row and column take 2 ⌈width/6⌉ channels each, cut to width.</summary>
    public static float[] OfClip(int times, int side, int width)
    {
        int each = 2 * ((width + 5) / 6);
        float[] table = new float[times * side * side * width], whole = new float[3 * each];
        var grid = new TokenGrid(times, side, side);
        for (int id = 0; id < grid.Count; id++)
        {
            TokenPosition position = grid[id];
            Write(whole.AsSpan(0, each), position.Time);
            Write(whole.AsSpan(each, each), position.Row);
            Write(whole.AsSpan(2 * each, each), position.Column);
            whole.AsSpan(0, width).CopyTo(table.AsSpan(id * width));
        }
        return table;
    }

    private static void Write(Span<float> channels, double position, double period = 10000)
    {
        int half = channels.Length / 2;
        for (int i = 0; i < half; i++)
        {
            (double sine, double cosine) = Math.SinCos(position * Math.Pow(period, -i / (double)half));
            channels[i] = (float)sine;
            channels[half + i] = (float)cosine;
        }
    }
}
