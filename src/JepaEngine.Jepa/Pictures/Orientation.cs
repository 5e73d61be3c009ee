using System.Text;
using System.Text.RegularExpressions;

namespace JepaEngine.Jepa.Pictures;

/// <summary>How a picture asks to be turned: 1 to 8, as EXIF has it; 1 is upright. A tag that makes no sense turns
/// nothing, and is no reason to refuse the picture.</summary>
internal static partial class Orientation
{
    /// <summary>As Pillow takes it: from EXIF, or from XMP where that has no such tag.</summary>
    public static int Of(ReadOnlySpan<byte> exif, ReadOnlySpan<byte> xmp)
    {
        long? asked = new TiffTags(exif)[TiffTags.Orientation];
        if (asked is null && Tag().Match(Encoding.Latin1.GetString(xmp)) is { Success: true } match)
            asked = match.Groups[1].ValueSpan[0] - '0';
        return asked is >= 1 and <= 8 ? (int)asked : 1;
    }

    /// <summary>The picture upright.</summary>
    public static Picture Turn(Picture picture, int orientation)
    {
        if (orientation == 1)
            return picture;
        (int w, int h) = (picture.Width, picture.Height);
        (int width, int height) = orientation >= 5 ? (h, w) : (w, h);
        byte[] rgb = new byte[picture.Rgb.Length];
        for (int y = 0, at = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++, at += 3)
            {
                (int column, int row) = orientation switch
                {
                    2 => (w - 1 - x, y),
                    3 => (w - 1 - x, h - 1 - y),
                    4 => (x, h - 1 - y),
                    5 => (y, x),
                    6 => (y, h - 1 - x),
                    7 => (w - 1 - y, h - 1 - x),
                    _ => (w - 1 - y, x),
                };
                picture.Rgb.AsSpan(3 * (row * w + column), 3).CopyTo(rgb.AsSpan(at));
            }
        }
        return new Picture(width, height, rgb);
    }

    [GeneratedRegex("tiff:Orientation(?:=\"|>)([0-9])")]
    private static partial Regex Tag();
}
