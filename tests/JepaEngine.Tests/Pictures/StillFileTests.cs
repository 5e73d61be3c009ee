using System.Buffers.Binary;
using JepaEngine.Jepa.Pictures;

namespace JepaEngine.Tests.Pictures;

/// <summary>Still pictures as Pillow reads them: how they ask to be turned.</summary>
public sealed class StillFileTests : IDisposable
{
    private static readonly byte[] Xmp = [.. "<rdf:Description tiff:Orientation=\"6\"/>"u8];

    private readonly TemporaryFile temporary = new();

    public void Dispose() => temporary.Dispose();

    [Fact]
    public void A_jpegs_first_exif_turns_it()
    {
        byte[] exif = [.. "Exif\0\0"u8, .. Tiff((0x112, 3, 6))], xmp = [.. "http://ns.adobe.com/xap/1.0/\0"u8, .. Xmp];
        byte[] other = [.. "Exif\0\0"u8, .. Tiff((0x112, 3, 3))];
        Assert.Equal(6, Jpeg(Segment(0xE1, exif)));
        Assert.Equal(6, Jpeg(Segment(0xE1, [.. "Exif\0\0"u8, .. Tiff((0x112, 4, 6))])));
        // Bytes that fill, a marker that stands alone, junk.
        Assert.Equal(6, Jpeg([0xFF, 0xFF, 0xFF, 0x01, 0, 1, 2, 0xFF, 0xFF, .. Segment(0xE1, exif)]));
        Assert.Equal(6, Jpeg([.. Segment(0xE1, exif), .. Segment(0xE1, [.. "Exif\0\0broken"u8])]));
        Assert.Equal(6, Jpeg([.. Segment(0xE1, exif), .. Segment(0xE1, other)]));
        Assert.Equal(6, Jpeg(Segment(0xE1, xmp)));
        Assert.Equal(6, Jpeg([.. Segment(0xE1, xmp), .. Segment(0xE1, [.. "Exif\0\0"u8, .. Tiff((0x100, 3, 9))])]));
        Assert.Equal(3, Jpeg([.. Segment(0xE1, xmp), .. Segment(0xE1, other)]));
        Assert.Equal(1, Jpeg([.. Segment(0xE1, [.. "Exif\0\0"u8, .. Tiff((0x112, 3, 9))]), .. Segment(0xE1, xmp)]));
        Assert.Equal(1, Jpeg(Segment(0xE1, [])));
        Assert.Equal(1, Jpeg([0xFF, 0xE1, 0, 0]));

        int Jpeg(byte[] segments) => Read("JPEG", [0xFF, 0xD8, .. segments, 0xFF, 0xDA, 0, 2]).Turned;
    }

    [Fact]
    public void Xmp_turns_every_kind()
    {
        byte[] text = [.. "XML:com.adobe.xmp\0\0\0\0\0"u8, .. Xmp];
        Assert.Equal(6, Read("PNG",
            [0x89, .. "PNG\r\n\u001a\n"u8, 0, 0, 0, (byte)text.Length, .. "iTXt"u8, .. text, 0, 0, 0, 0]).Turned);
        Assert.Equal(6, Read("WebP", [.. "RIFF\0\0\0\0WEBPXMP "u8, (byte)Xmp.Length, 0, 0, 0, .. Xmp]).Turned);
        Assert.Equal(6, Read("TIFF", [.. Tiff((0x112, 3, 6))]).Turned);
        byte[] tiff = Tiff((700, 1, 26));
        BinaryPrimitives.WriteInt32LittleEndian(tiff.AsSpan(14), Xmp.Length);
        Assert.Equal(6, Read("TIFF", [.. tiff, .. Xmp]).Turned);
    }

    private StillFile Read(string kind, byte[] bytes)
    {
        File.WriteAllBytes(temporary.Path, bytes);
        return StillFile.Read(temporary.Path, new MediaKind(kind, ""));
    }

    private static byte[] Segment(byte marker, byte[] content) =>
        [0xFF, marker, 0, (byte)(content.Length + 2), .. content];

    /// <summary>A directory of single numbers.</summary>
    private static byte[] Tiff(params (int Tag, int Type, int Value)[] tags)
    {
        byte[] tiff = [.. "II*\0\u0008\0\0\0"u8, (byte)tags.Length, 0,
            .. new byte[12 * tags.Length + 4]];
        for (int i = 0; i < tags.Length; i++)
        {
            Span<byte> entry = tiff.AsSpan(10 + 12 * i);
            BinaryPrimitives.WriteInt16LittleEndian(entry, (short)tags[i].Tag);
            entry[2] = (byte)tags[i].Type;
            entry[4] = 1;
            BinaryPrimitives.WriteInt32LittleEndian(entry[8..], tags[i].Value);
        }
        return tiff;
    }
}
