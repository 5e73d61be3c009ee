using System.Buffers.Binary;
using System.Diagnostics;
using JepaEngine.IO;
using JepaEngine.Jepa.Pictures;

namespace JepaEngine.Tests.Pictures;

/// <summary>Still pictures as Pillow reads them: how they ask to be turned, their colours, and what ffmpeg would
/// misread.</summary>
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

    [Theory]
    [InlineData(1, -1, -1)]
    [InlineData(3, 2, -1)]
    [InlineData(6, 3, -1)]
    [InlineData(8, 1, -1)]
    [InlineData(2, -1, 1)]
    [InlineData(4, -1, 0)]
    [InlineData(7, 1, 1)]
    public void A_heifs_boxes_turn_it(int expected, int turns, int mirror)
    {
        byte[] properties = [.. Box("ispe", new byte[12]), .. turns < 0 ? [] : Box("irot", [(byte)turns]),
            .. mirror < 0 ? [] : Box("imir", [(byte)mirror])];
        Assert.Equal(expected, Heif(properties).Turned);
    }

    [Theory]
    [InlineData(0x0C, 6, 128, 2, "pc")]
    [InlineData(0x0C, 6, 0, 2, "tv")]
    [InlineData(0x08, 6, 128, 1, "pc")]
    [InlineData(0x00, 6, 128, 0, "")]
    [InlineData(0x1C, 6, 128, 0, "")]
    [InlineData(0x4C, 6, 128, 0, "")]
    [InlineData(0x0C, 1, 128, 0, "")]
    public void A_heifs_boxes_say_how_colours_are_shared(byte coding, byte matrix, byte full, int down, string range) =>
        Assert.Equal(down == 0 ? null : new Subsampling(20, 10, 2, down, range), Heif([
            .. Box("ispe", [0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0, 10]), .. Box("av1C", [0x81, 0, coding, 0]),
            .. Box("colr", [.. "nclx"u8, 0, 1, 0, 13, 0, matrix, full])]).Sampling);

    [Fact]
    public void A_pngs_chunks_say_whether_it_is_animated()
    {
        byte[] header = [0x89, .. "PNG\r\n\u001a\n"u8, .. Chunk("IHDR", new byte[13])];
        byte[] control = Chunk("acTL", new byte[8]), pixels = Chunk("IDAT", new byte[9]);
        byte[] text = Chunk("tEXt", [.. "Comment\0 IDAT acTL"u8, .. new byte[600]]);
        Assert.Equal("APNG", Kind([.. header, .. text, .. control, .. pixels]));
        Assert.Equal("PNG", Kind([.. header, .. text, .. pixels]));
        Assert.Equal("PNG", Kind([.. header, .. pixels, .. control]));
        Assert.Equal("PNG", Kind(header));
        Assert.Equal("PNG", Kind([.. header, 0xFF, 0xFF, 0xFF, 0xFF, .. "tEXt"u8]));

        string Kind(byte[] bytes)
        {
            File.WriteAllBytes(temporary.Path, bytes);
            return MediaKind.Of(temporary.Path).Name;
        }

        static byte[] Chunk(string name, byte[] content) => [0, 0, (byte)(content.Length >> 8), (byte)content.Length,
            .. name.Select(letter => (byte)letter), .. content, 0, 0, 0, 0];
    }

    [Theory]
    [InlineData("compressed as JPEG", 259, 7)]
    [InlineData("compressed as JPEG", 259, 6)]
    [InlineData("compression 50001", 259, 50001)]
    [InlineData("in tiles", 322, 64)]
    [InlineData("signed or floating-point", 339, 2)]
    [InlineData("signed or floating-point", 339, 3)]
    [InlineData("predictor", 317, 2)]
    [InlineData("colours 6 in 3 samples", 262, 6)]
    [InlineData("colours 8 in 3 samples", 262, 8)]
    [InlineData("colours 1 in 3 samples", 262, 1)]
    [InlineData("CMYK", 262, 5)]
    [InlineData("raw data", 50706, 1)]
    public void A_tiff_that_ffmpeg_misreads_is_refused(string reason, int tag, int value)
    {
        string message = Assert.Throws<BadFileException>(() => Read("TIFF", Rgb((tag, 3, value)))).Message;
        Assert.Contains(reason, message);
        Assert.Contains("convert it to PNG", message);
        Read("TIFF", Rgb());
        Read("TIFF", Rgb((259, 3, 5), (317, 3, 2)));

        static byte[] Rgb(params (int Tag, int Type, int Value)[] own) => Tiff([.. own,
            .. new[] { (258, 3, 8), (259, 3, 1), (262, 3, 2), (277, 3, 3) }
                .ExceptBy(own.Select(tag => tag.Tag), tag => tag.Item1)]);
    }

    [Fact]
    public void A_jpeg_of_subsampled_cmyk_is_refused()
    {
        byte[] frame = [8, 0, 16, 0, 16, 4, 1, 0x22, 0, 2, 0x11, 0, 3, 0x11, 0, 4, 0x22, 0];
        byte[] Jpeg() => [0xFF, 0xD8, .. Segment(0xC0, frame)];
        Assert.Contains("CMYK", Assert.Throws<BadFileException>(() => Read("JPEG", Jpeg())).Message);
        foreach (int factors in (int[])[7, 10, 13, 16])
            frame[factors] = 0x11;
        Read("JPEG", Jpeg());
    }

    [Theory]
    [InlineData("a.webp", "yuv420p", "-quality", "100")]
    [InlineData("a.webp", "yuva420p", "-quality", "100")]
    [InlineData("a.jp2", "yuv444p", "-vf", "scale=out_range=pc")]
    public void Flat_colours_stay(string name, string format, params string[] options)
    {
        string path = Path.Combine(temporary.Folder, name);
        Make(path, ["-f", "lavfi", "-i", "color=0x0963C8:s=34x18,format=rgb24", .. options, "-pix_fmt", format,
            "-frames:v", "1"]);
        Near(new PictureReader().Read(path), 0x09, 0x63, 0xC8);
    }

    [Fact]
    public void Colours_that_were_multiplied_with_alpha_are_divided()
    {
        Assert.SkipUnless(FfmpegTests.Installed, "ffmpeg is not installed");
        byte[] Pixels(int at) => Tiff((256, 3, 34), (257, 3, 18), (258, 3, 8), (259, 3, 1), (262, 3, 2), (273, 4, at),
            (277, 3, 4), (278, 3, 18), (279, 4, 4 * 34 * 18), (338, 3, 1));
        byte[][] pixels = [.. Enumerable.Repeat<byte[]>([0x40, 0x30, 0x10, 0x80], 34 * 18)];
        File.WriteAllBytes(temporary.Path, [.. Pixels(Pixels(0).Length), .. pixels.SelectMany(pixel => pixel)]);
        Near(new PictureReader().Read(temporary.Path), 0x80, 0x60, 0x20);
    }

    private static void Near(Picture picture, params byte[] colour)
    {
        Assert.Equal((34, 18), (picture.Width, picture.Height));
        for (int i = 0; i < picture.Rgb.Length; i++)
            Assert.InRange(picture.Rgb[i], colour[i % 3] - 3, colour[i % 3] + 3);
    }

    private static void Make(string path, string[] arguments)
    {
        Assert.SkipUnless(FfmpegTests.Installed, "ffmpeg is not installed");
        using Process make = Process.Start("ffmpeg", ["-v", "error", "-nostdin", "-y", .. arguments, path]);
        make.WaitForExit();
        Assert.Equal(0, make.ExitCode);
    }

    private StillFile Heif(byte[] properties)
    {
        byte[] meta = [0, 0, 0, 0, .. Box("hdlr", new byte[25]), .. Box("iprp", Box("ipco", properties))];
        return Read("HEIF", [.. Box("ftyp", [.. "avif"u8]), .. Box("meta", meta)]);
    }

    private static byte[] Box(string name, byte[] content) =>
        [0, 0, 0, (byte)(content.Length + 8), .. name.Select(letter => (byte)letter), .. content];

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
