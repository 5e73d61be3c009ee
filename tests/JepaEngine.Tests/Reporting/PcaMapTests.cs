using JepaEngine.IO;
using JepaEngine.Jepa.Reporting;
using JepaEngine.Primitives;

namespace JepaEngine.Tests.Reporting;

public sealed class PcaMapTests
{
    private const int Frames = 4, Rows = 5, Columns = 7, Width = 32, FrameNumbers = Rows * Columns * Width;

    [Fact]
    public void Colours_move_with_their_frames_and_survive_a_flip()
    {
        float[] features = Features();
        Picture[] maps = PcaMap.Draw(features, Frames, Rows, Columns);
        Assert.All(maps, map => Assert.Equal((Columns, Rows), (map.Width, map.Height)));
        float[] reversed = [.. features.Chunk(FrameNumbers).Reverse().SelectMany(frame => frame)];
        Assert.Equal(Bytes(maps.Reverse()), Bytes(PcaMap.Draw(reversed, Frames, Rows, Columns)), Near);
        Assert.Equal(Bytes(maps), Bytes(PcaMap.Draw([.. features.Select(x => -x)], Frames, Rows, Columns)), Near);
    }

    [Fact]
    public void Equal_features_have_equal_colours_and_others_do_not()
    {
        float[] features = Features();
        features.AsSpan(0, Width).CopyTo(features.AsSpan(3 * FrameNumbers + 11 * Width));
        Picture[] maps = PcaMap.Draw(features, Frames, Rows, Columns);
        Assert.Equal(maps[0].Rgb[..3], maps[3].Rgb[33..36]);
        Assert.NotEqual(maps[0].Rgb[..3], maps[0].Rgb[3..6]);
        // The range is used.
        byte[] all = Bytes(maps);
        Assert.InRange(all.Min(), 0, 40);
        Assert.InRange(all.Max(), 220, 255);
    }

    [Theory]
    [InlineData(1, 1, 1, 1)]
    [InlineData(8, 8, 8, 1)]
    [InlineData(16, 8, 8, 1)]
    [InlineData(20, 10, 5, 2)]
    [InlineData(64, 32, 8, 4)]
    public void A_sheet_shows_each_frame_above_its_map(int frames, int maps, int columns, int groups)
    {
        Picture[] inputs = [.. Enumerable.Range(0, frames).Select(i => Plain(12, 10, (byte)i))], drawn = [.. Enumerable.Range(0, maps).Select(i => Plain(4, 3, (byte)(100 + i)))];
        Picture sheet = PcaMap.Sheet(inputs, drawn);
        Assert.Equal((columns * 18 + 6, groups * 44 - 6), (sheet.Width, sheet.Height));
        for (int i = 0; i < maps; i++)
        {
            (int left, int top) = (6 + i % columns * 18, 6 + i / columns * 44);
            Assert.Equal(i * (frames / maps), At(sheet, left, top));
            Assert.Equal(i * (frames / maps), At(sheet, left + 11, top + 9));
            Assert.Equal(255, At(sheet, left + 12, top));
            Assert.Equal(255, At(sheet, left, top + 10));
            Assert.Equal(100 + i, At(sheet, left, top + 16));
            Assert.Equal(100 + i, At(sheet, left + 11, top + 25));
        }
    }

    [Fact]
    public void What_does_not_fit_is_refused()
    {
        Assert.Throws<ArgumentException>(() => PcaMap.Draw(new float[FrameNumbers + 1], 1, Rows, Columns));
        Assert.Throws<ArgumentException>(() => PcaMap.Sheet([Plain(2, 2, 0)], []));
        Assert.Throws<ArgumentException>(() => PcaMap.Sheet([Plain(2, 2, 0), Plain(2, 2, 0), Plain(2, 2, 0)], [Plain(1, 1, 0), Plain(1, 1, 0)]));
        Assert.Throws<ArgumentException>(() => PcaMap.Sheet([Plain(2, 2, 0), Plain(2, 3, 0)], [Plain(1, 1, 0)]));
    }

    private static float[] Features()
    {
        var random = new PhiloxRandom(9);
        return [.. Enumerable.Range(0, Frames * FrameNumbers).Select(i => MathF.Exp(random.NextNormal()) * (1 + (i % Width < 3 ? 4 - i % Width : 0)))];
    }

    /// <summary>Rounding may carry a colour over to the next.</summary>
    private static bool Near(byte a, byte b) => Math.Abs(a - b) <= 1;

    private static byte[] Bytes(IEnumerable<Picture> pictures) => [.. pictures.SelectMany(picture => picture.Rgb)];

    private static Picture Plain(int width, int height, byte level) => new(width, height, [.. Enumerable.Repeat(level, 3 * width * height)]);

    private static int At(Picture picture, int x, int y) => picture.Rgb[3 * (y * picture.Width + x)];
}
