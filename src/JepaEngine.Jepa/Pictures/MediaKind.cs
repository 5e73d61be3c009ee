using System.Buffers.Binary;
using System.Text;

namespace JepaEngine.Jepa.Pictures;

/// <summary>What a file is, by its first bytes. Only these kinds are read, each by the one reader that is named: ffmpeg would
/// take a list of other files, a web address or a text for a picture, too, and follow it.</summary>
/// <param name="Name">As people write it.</param>
/// <param name="Demuxer">As ffmpeg calls its reader.</param>
/// <param name="IsStill">Whether it is one picture, whatever is in it.</param>
internal sealed record MediaKind(string Name, string Demuxer, bool IsStill = false)
{
    /// <summary>Two packets of a transport stream.</summary>
    private const int Needed = 512;

    private static readonly (string Start, MediaKind Kind)[] Starts =
    [
        ("\xFF\xD8\xFF", new("JPEG", "jpeg_pipe", true)),
        ("GIF8", new("GIF", "gif")),
        ("BM", new("BMP", "bmp_pipe", true)),
        ("II*\0", new("TIFF", "tiff_pipe", true)),
        ("MM\0*", new("TIFF", "tiff_pipe", true)),
        ("\0\0\0\x0CjP  \r\n", new("JPEG 2000", "j2k_pipe", true)),
        ("\xFF\x0A", new("JPEG XL", "jpegxl_pipe", true)),
        ("\0\0\0\x0CJXL \r\n", new("JPEG XL", "jpegxl_pipe", true)),
        ("qoif", new("QOI", "qoi_pipe", true)),
        ("8BPS\0\x01", new("PSD", "psd_pipe", true)),
        ("v/1\x01", new("OpenEXR", "exr_pipe", true)),
        ("P4", new("PBM", "pbm_pipe", true)),
        ("P5", new("PGM", "pgm_pipe", true)),
        ("P6", new("PPM", "ppm_pipe", true)),
        ("P7\n", new("PAM", "pam_pipe", true)),
        ("\x1A\x45\xDF\xA3", new("Matroska", "matroska")),
        ("OggS", new("Ogg", "ogg")),
        ("FLV\x01", new("FLV", "flv")),
        ("\x30\x26\xB2\x75\x8E\x66\xCF\x11", new("ASF", "asf")),
        ("\x06\x0E\x2B\x34\x02\x05\x01\x01", new("MXF", "mxf")),
        ("DKIF", new("IVF", "ivf")),
        ("YUV4MPEG2 ", new("YUV4MPEG", "yuv4mpegpipe")),
        ("nut/multimedia container\0", new("NUT", "nut")),
        ("\0\0\x01\xBA", new("MPEG", "mpeg")),
        ("\0\0\x01\xB3", new("MPEG video", "mpegvideo")),
        ("\0\0\0\x01\x67", new("H.264", "h264")),
        ("\0\0\0\x01\x09", new("H.264", "h264")),
        ("\0\0\0\x01\x40", new("H.265", "hevc")),
    ];

    /// <summary>PNG, which this engine reads itself.</summary>
    public static MediaKind Png { get; } = new("PNG", "png_pipe", true);

    /// <summary>A file's kind.</summary>
    /// <exception cref="BadFileException">It is missing, empty, or of no kind that is read.</exception>
    public static MediaKind Of(string path)
    {
        try
        {
            if (Directory.Exists(path))
                throw new BadFileException(path, "it is a folder, where a picture or video is needed");
            if (!File.Exists(path))
                throw new BadFileException(path, "it cannot be read: there is no such file");
            // Pipes and devices have no length and may never end.
            if (new FileInfo(path).Length == 0)
                throw new BadFileException(path, "it is empty");
            using FileStream stream = File.OpenRead(path);
            byte[] start = new byte[Needed];
            MediaKind? kind = Of(start.AsSpan(0, stream.ReadAtLeast(start, Needed, throwOnEndOfStream: false)));
            return kind == Png && IsAnimated(stream) ? new MediaKind("APNG", "apng") : kind
                ?? throw new BadFileException(path, "it begins as no picture or video that is read does (PNG, "
                    + "JPEG, WebP, TIFF, GIF, MP4, "
                    + "Matroska, AVI and others); is it a text, a list or damaged?");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new BadFileException(path, "it cannot be read: " + error.Message, error);
        }
    }

    private static MediaKind? Of(ReadOnlySpan<byte> start)
    {
        string text = Encoding.Latin1.GetString(start);
        if (Has(text, 0, "\x89PNG\r\n\x1A\n"))
            return Png;
        if (Has(text, 0, "RIFF"))
            return Has(text, 8, "WEBP") ? new("WebP", "webp_pipe", true) : Has(text, 8, "AVI ") ? new("AVI", "avi") : null;
        if (Has(text, 4, "ftyp"))
        {
            bool still = Has(text, 8, "mif1") || Has(text, 8, "heic") || Has(text, 8, "heix") || Has(text, 8, "avif");
            return still ? new("HEIF", "mov", true) : new("MP4", "mov");
        }
        if (Has(text, 4, "moov") || Has(text, 4, "mdat") || Has(text, 4, "wide") || Has(text, 4, "skip") || Has(text, 4, "free"))
            return new MediaKind("QuickTime", "mov");
        // A transport stream is packets of 188 bytes, or of 192 with a time before each.
        if (text.Length >= 377 && ((text[0], text[188], text[376]) is ('G', 'G', 'G') || (text[4], text[196]) is ('G', 'G')))
            return new MediaKind("MPEG-TS", "mpegts");
        foreach ((string prefix, MediaKind kind) in Starts)
            if (text.StartsWith(prefix, StringComparison.Ordinal))
                return kind;
        return null;
    }

    /// <summary>Whether a PNG's chunks have one that says so before the first of pixels.</summary>
    private static bool IsAnimated(FileStream png)
    {
        Span<byte> chunk = stackalloc byte[8];
        png.Position = 8;
        while (png.ReadAtLeast(chunk, 8, throwOnEndOfStream: false) == 8 && !chunk.EndsWith("IDAT"u8))
        {
            if (chunk.EndsWith("acTL"u8))
                return true;
            png.Position += BinaryPrimitives.ReadUInt32BigEndian(chunk) + 4L;
        }
        return false;
    }

    private static bool Has(string text, int at, string word) =>
        text.Length >= at + word.Length && text.AsSpan(at, word.Length).SequenceEqual(word);
}
