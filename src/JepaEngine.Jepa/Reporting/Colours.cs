namespace JepaEngine.Jepa.Reporting;

/// <summary>Colours of maps that are pictures: they stay the same in light and dark.</summary>
internal static class Colours
{
    // Ten stops of viridis (van der Walt and Smith): even in lightness and readable with every kind of colour vision.
    private static ReadOnlySpan<byte> Stops =>
    [
        68, 1, 84, 72, 40, 120, 62, 74, 137, 49, 104, 142, 38, 130, 142,
        31, 158, 137, 53, 183, 121, 109, 205, 89, 180, 222, 44, 253, 231, 37,
    ];

    /// <summary>The colour of a part between 0 and 1; grey where it is not a number.</summary>
    public static void Viridis(float part, Span<byte> rgb)
    {
        if (float.IsNaN(part))
        {
            rgb[..3].Fill(128);
            return;
        }
        float at = Math.Clamp(part, 0, 1) * (Stops.Length / 3 - 1);
        int stop = Math.Min((int)at, Stops.Length / 3 - 2);
        for (int channel = 0; channel < 3; channel++)
        {
            float from = Stops[3 * stop + channel], to = Stops[3 * stop + 3 + channel];
            rgb[channel] = (byte)(from + (to - from) * (at - stop) + .5f);
        }
    }

    /// <summary>
    /// Three components a token as red, green and blue. Each component is stretched over all frames together, between its 2nd and
    /// 98th percentile, so that equal colours mean equal tokens in every frame.
    /// </summary>
    public static byte[][] OfComponents(float[][] maps)
    {
        byte[][] results = [.. maps.Select(map => new byte[map.Length])];
        for (int channel = 0; channel < 3; channel++)
        {
            float[] sorted = [.. maps.SelectMany(map => map.Where((_, i) => i % 3 == channel)).Where(float.IsFinite).Order()];
            if (sorted.Length == 0)
                continue;
            float low = sorted[(int)(.02 * (sorted.Length - 1))], high = sorted[(int)Math.Ceiling(.98 * (sorted.Length - 1))];
            for (int i = 0; i < maps.Length; i++)
            {
                for (int at = channel; at < results[i].Length; at += 3)
                    results[i][at] = Stretch(maps[i][at], low, high);
            }
        }
        return results;
    }

    private static byte Stretch(float value, float low, float high)
    {
        float part = high > low ? (value - low) / (high - low) : .5f;
        // Not down to black: the darkest token still shows.
        return float.IsNaN(part) ? (byte)128 : (byte)(24 + 224 * Math.Clamp(part, 0, 1));
    }
}
