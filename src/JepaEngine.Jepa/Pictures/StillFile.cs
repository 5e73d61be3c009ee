using System.Buffers.Binary;

namespace JepaEngine.Jepa.Pictures;

/// <summary>A still picture's bytes without what cameras write beside the pixels, and how that asks the picture to be
/// turned: a tag that makes no sense turns nothing, and is no reason to refuse the picture.</summary>
/// <param name="Bytes">What is decoded.</param>
/// <param name="Orientation">1 to 8, as EXIF has it; 1 is upright.</param>
/// <param name="Sampling">How colours are subsampled; null where they are not.</param>
internal sealed record StillFile(byte[] Bytes, int Orientation, Subsampling? Sampling = null)
{
    private const int OrientationTag = 0x112, ShortType = 3;

    private static ReadOnlySpan<byte> ExifHeader => "Exif\0\0"u8;

    /// <summary>Reads a file.</summary>
    /// <exception cref="BadFileException">It cannot be read, or is an animation that cannot be decoded.</exception>
    public static StillFile Read(string path, MediaKind kind)
    {
        byte[] file;
        try
        {
            file = File.ReadAllBytes(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new BadFileException(path, "it cannot be read: " + error.Message, error);
        }
        return kind.Name switch
        {
            "JPEG" => Jpeg(file),
            "PNG" => new StillFile(file, Png(file)),
            "TIFF" => new StillFile(file, Tag(file)),
            "WebP" => WebP(file, path),
            _ => new StillFile(file, 1),
        };
    }

    /// <summary>ffmpeg's filter to RGB. Planes of subsampled colour are stretched by whole numbers, to the pixel between its
    /// neighbours, as libjpeg does it: 0.1 levels from Pillow in the mean and 3 at most. ffmpeg's own way is 2 to 5 off,
    /// and up to 94.</summary>
    public string Colours
    {
        get
        {
            const string toRgb = "scale=flags=accurate_rnd+full_chroma_int";
            if (Sampling is not var (width, height, across, down, format))
                return toRgb;
            string whole = $"scale=iw*{across}:ih*{down}:flags=bilinear+accurate_rnd,crop={width}:{height}:0:0:exact=1,setsar=1";
            return $"extractplanes=y+u+v[y][u][v];[y]setsar=1[a];[u]{whole}[b];[v]{whole}[c];[a][b][c]mergeplanes=0x001020:{format},{toRgb}";
        }
    }

    /// <summary>The picture, turned as it asks.</summary>
    public Picture Turn(Picture picture)
    {
        if (Orientation == 1)
            return picture;
        (int w, int h) = (picture.Width, picture.Height);
        (int width, int height) = Orientation >= 5 ? (h, w) : (w, h);
        byte[] rgb = new byte[picture.Rgb.Length];
        for (int y = 0, at = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++, at += 3)
            {
                (int column, int row) = Orientation switch
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

    /// <summary>Segments up to the first scan; of the application's, the first and Adobe's (the colours)
    /// stay.</summary>
    private static StillFile Jpeg(byte[] file)
    {
        int orientation = 1, at = 2;
        bool isRgb = false;
        Subsampling? sampling = null;
        var kept = new MemoryStream(file.Length);
        kept.Write(file.AsSpan(0, 2));
        while (at + 4 <= file.Length && file[at] == 0xFF && file[at + 1] is not (0xDA or 0xFF or 0))
        {
            int marker = file[at + 1], length = 2 + BinaryPrimitives.ReadUInt16BigEndian(file.AsSpan(at + 2));
            ReadOnlySpan<byte> segment = file.AsSpan(at, Math.Min(length, file.Length - at));
            if (marker == 0xE1 && segment.Length > 10 && segment[4..].StartsWith(ExifHeader))
                orientation = Tag(segment[10..]);
            // Adobe's last byte is 0 for RGB; frames begin with any of these but 0xC4, 0xC8 and 0xCC, which are tables.
            isRgb |= marker == 0xEE && segment.Length >= 16 && segment[15] == 0;
            if (marker is >= 0xC0 and <= 0xCF and not (0xC4 or 0xC8 or 0xCC))
                sampling = Frame(segment);
            if (marker is < 0xE1 or > 0xEF or 0xEE)
                kept.Write(segment);
            at += segment.Length;
        }
        kept.Write(file.AsSpan(at));
        return new StillFile(kept.ToArray(), orientation, isRgb ? null : sampling);
    }

    /// <summary>Of a frame's header: precision, rows, columns, and for each component its name, factors and
    /// table.</summary>
    private static Subsampling? Frame(ReadOnlySpan<byte> segment)
    {
        if (segment.Length < 19 || segment[9] != 3 || segment[14] != segment[17])
            return null;
        if (segment[10] == 'R' && segment[13] == 'G' && segment[16] == 'B')
            return null;
        (int across, int down) = (segment[11] >> 4, segment[11] & 15);
        (int colour, int below) = (segment[14] >> 4, segment[14] & 15);
        if (colour == 0 || below == 0 || across % colour != 0 || down % below != 0 || (across == colour && down == below))
            return null;
        int height = BinaryPrimitives.ReadUInt16BigEndian(segment[5..]), width = BinaryPrimitives.ReadUInt16BigEndian(segment[7..]);
        return height == 0 || width == 0 ? null : new Subsampling(width, height, across / colour, down / below, "yuvj444p");
    }

    private static int Png(ReadOnlySpan<byte> file)
    {
        int orientation = 1;
        for (long at = 8, length; at + 12 <= file.Length; at += 12 + length)
        {
            length = BinaryPrimitives.ReadUInt32BigEndian(file[(int)at..]);
            if (file.Slice((int)at + 4, 4).SequenceEqual("eXIf"u8) && at + 12 + length <= file.Length)
                orientation = Tag(file.Slice((int)at + 8, (int)length));
        }
        return orientation;
    }

    private static StillFile WebP(byte[] file, string path)
    {
        int orientation = 1;
        Subsampling? sampling = null;
        var kept = new MemoryStream(file.Length);
        kept.Write(file.AsSpan(0, 12));
        for (long at = 12; at + 8 <= file.Length;)
        {
            long length = 8 + (long)BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan((int)at + 4));
            ReadOnlySpan<byte> chunk = file.AsSpan((int)at, (int)Math.Min(length + (length & 1), file.Length - at));
            if (chunk.StartsWith("ANIM"u8))
                throw new BadFileException(path, "it is an animated WebP, which ffmpeg does not decode; "
                    + "convert it to MP4, GIF or APNG");
            if (chunk.StartsWith("EXIF"u8))
                orientation = Tag(chunk[8..].StartsWith(ExifHeader) ? chunk[14..] : chunk[8..]);
            else if (!chunk.StartsWith("XMP "u8))
                kept.Write(chunk);
            if (chunk.StartsWith("VP8 "u8) && chunk.Length >= 18)
            {
                int width = BinaryPrimitives.ReadUInt16LittleEndian(chunk[14..]) & 0x3FFF;
                sampling = new Subsampling(width, BinaryPrimitives.ReadUInt16LittleEndian(chunk[16..]) & 0x3FFF, 2, 2, "yuv444p");
            }
            at += chunk.Length;
        }
        byte[] bytes = kept.ToArray();
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), bytes.Length - 8);
        return new StillFile(bytes, orientation, sampling);
    }

    /// <summary>The orientation in a TIFF's first directory; 1 where there is none that makes sense.</summary>
    private static int Tag(ReadOnlySpan<byte> tiff)
    {
        if (tiff.Length < 8 || !(tiff.StartsWith("II*\0"u8) || tiff.StartsWith("MM\0*"u8)))
            return 1;
        bool little = tiff[0] == 'I';
        uint directory = little ? BinaryPrimitives.ReadUInt32LittleEndian(tiff[4..]) : BinaryPrimitives.ReadUInt32BigEndian(tiff[4..]);
        if (directory > tiff.Length - 2)
            return 1;
        ReadOnlySpan<byte> entries = tiff[(int)directory..];
        for (int i = 0, count = Short(entries); i < count && 2 + 12 * (i + 1) <= entries.Length; i++)
        {
            ReadOnlySpan<byte> entry = entries.Slice(2 + 12 * i, 12);
            if (Short(entry) == OrientationTag && Short(entry[2..]) == ShortType)
                return Short(entry[8..]) is >= 1 and <= 8 and var orientation ? orientation : 1;
        }
        return 1;

        int Short(ReadOnlySpan<byte> bytes) =>
            little ? BinaryPrimitives.ReadUInt16LittleEndian(bytes) : BinaryPrimitives.ReadUInt16BigEndian(bytes);
    }
}

/// <summary>Colours that several pixels share.</summary>
/// <param name="Width">Columns of the picture.</param>
/// <param name="Height">Its rows.</param>
/// <param name="Across">Columns that share one.</param>
/// <param name="Down">Rows that share one.</param>
/// <param name="Format">ffmpeg's name of the same with a colour at each pixel.</param>
internal sealed record Subsampling(int Width, int Height, int Across, int Down, string Format);
