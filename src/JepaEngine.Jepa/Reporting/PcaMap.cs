using JepaEngine.Jepa.Numerics;
using JepaEngine.Jepa.Pictures;

namespace JepaEngine.Jepa.Reporting;

/// <summary>
/// What patch features say about frames, as a picture: the first three principal components of all tokens together are red, green and blue, each
/// between its 2nd and 98th percentile, so that equal colours mean equal features in every frame.
/// </summary>
public static class PcaMap
{
    private const int Components = 3, Gap = 6, GroupGap = 18, MaxColumns = 8;

    /// <summary>The colours of features [frames, rows, columns, D], one picture of rows × columns a frame.</summary>
    /// <param name="features">The features.</param>
    /// <param name="frames">Frames, or tubelets of them.</param>
    /// <param name="rows">Rows of patches.</param>
    /// <param name="columns">Columns of patches.</param>
    /// <exception cref="ArgumentException">The sizes do not fit, or a feature is no finite number.</exception>
    public static Picture[] Draw(ReadOnlySpan<float> features, int frames, int rows, int columns)
    {
        int tokens = rows * columns;
        if (frames < 1 || tokens < 1 || features.Length % (frames * tokens) != 0)
            throw new ArgumentException($"{features.Length} numbers are no features of {frames} frames of {rows}x{columns} patches", nameof(features));
        float[] scores = PrincipalComponents.Of(features, features.Length / (frames * tokens), Components).Scores;
        float[][] maps = [.. scores.Chunk(tokens * Components)];
        return [.. Colours.OfComponents(maps).Select(rgb => new Picture(columns, rows, rgb))];
    }

    /// <summary>
    /// Frames in rows, the map below each, at the frames' size; where there are fewer maps than frames (tubelets), the first frame of each is shown.
    /// </summary>
    /// <param name="frames">The inputs, all of one size.</param>
    /// <param name="maps">Their maps.</param>
    /// <exception cref="ArgumentException">The frames are not as many for each map, or of several sizes.</exception>
    public static Picture Sheet(IReadOnlyList<Picture> frames, IReadOnlyList<Picture> maps)
    {
        if (maps.Count == 0 || frames.Count % maps.Count != 0 || frames.Any(frame => (frame.Width, frame.Height) != (frames[0].Width, frames[0].Height)))
            throw new ArgumentException($"{frames.Count} frames and {maps.Count} maps make no sheet; every map needs as many frames, all of one size", nameof(maps));
        (int width, int height) = (frames[0].Width, frames[0].Height);
        int columns = Columns(maps.Count), groups = (maps.Count + columns - 1) / columns;
        int sheetWidth = columns * (width + Gap) + Gap, groupHeight = 2 * height + Gap;
        int sheetHeight = groups * (groupHeight + GroupGap) - GroupGap + 2 * Gap;
        byte[] rgb = new byte[checked(3 * sheetWidth * sheetHeight)];
        Array.Fill(rgb, (byte)255);
        for (int i = 0; i < maps.Count; i++)
        {
            int left = Gap + i % columns * (width + Gap), top = Gap + i / columns * (groupHeight + GroupGap);
            Paste(frames[i * (frames.Count / maps.Count)], left, top);
            Paste(Resize.Run(maps[i], width, height), left, top + height + Gap);
        }
        return new Picture(sheetWidth, sheetHeight, rgb);

        void Paste(Picture picture, int left, int top)
        {
            for (int y = 0; y < picture.Height; y++)
                picture.Rgb.AsSpan(3 * y * picture.Width, 3 * picture.Width).CopyTo(rgb.AsSpan(3 * ((top + y) * sheetWidth + left)));
        }
    }

    /// <summary>As few rows as go, and those as even as goes.</summary>
    private static int Columns(int maps)
    {
        int rows = (maps + MaxColumns - 1) / MaxColumns;
        return (maps + rows - 1) / rows;
    }
}
