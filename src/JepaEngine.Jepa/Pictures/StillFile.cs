using System.Buffers.Binary;

namespace JepaEngine.Jepa.Pictures;

/// <summary>A still picture's bytes without what cameras write beside the pixels.</summary>
/// <param name="Bytes">What is decoded.</param>
/// <param name="Turned">How it asks to be turned, as <see cref="Orientation"/> has it.</param>
/// <param name="Sampling">How colours are subsampled; null where they are not.</param>
/// <param name="Prepare">A filter of ffmpeg's that the pixels need first.</param>
internal sealed record StillFile(byte[] Bytes, int Turned, Subsampling? Sampling = null, string? Prepare = null)
{
    private static ReadOnlySpan<byte> ExifHeader => "Exif\0\0"u8;

    private static ReadOnlySpan<byte> XmpHeader => "http://ns.adobe.com/xap/1.0/\0"u8;

    /// <summary>Reads a file.</summary>
    /// <exception cref="BadFileException">It cannot be read, or is of a kind that ffmpeg decodes wrong or not at
    /// all.</exception>
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
            "JPEG" => Jpeg(file, path),
            "PNG" => Png(file),
            "TIFF" => Tiff(file, path),
            "WebP" => WebP(file, path),
            "HEIF" => Heif(file),
            // Its colours may be YCbCr, of the full range.
            "JPEG 2000" => new StillFile(file, 1, Prepare: "setrange=pc"),
            _ => new StillFile(file, 1),
        };
    }

    /// <summary>ffmpeg's filter to RGB. Planes of subsampled colour are stretched by whole numbers, to the pixel
    /// between its neighbours, as libjpeg does it: 0.1 levels from Pillow in the mean and 3 at most. ffmpeg's own way
    /// is 2 to 5 off, and up to 94. The scaler must not take a plane for a picture of grey and change its
    /// range.</summary>
    public string Colours
    {
        get
        {
            string toRgb = (Prepare is null ? "" : Prepare + ",") + "scale=flags=accurate_rnd+full_chroma_int";
            if (Sampling is not var (width, height, across, down, range))
                return toRgb;
            string whole = $"setrange=pc,scale=iw*{across}:ih*{down}:flags=bilinear+accurate_rnd:"
                + $"in_range=pc:out_range=pc,crop={width}:{height}:0:0:exact=1,setsar=1";
            return $"extractplanes=y+u+v[y][u][v];[y]setsar=1[a];[u]{whole}[b];[v]{whole}[c];"
                + $"[a][b][c]mergeplanes=0x001020:yuv444p,setrange={range},{toRgb}";
        }
    }

    /// <summary>Segments up to the first scan; of the application's, the first and Adobe's (the colours)
    /// stay.</summary>
    private static StillFile Jpeg(byte[] file, string path)
    {
        bool isRgb = false;
        Subsampling? sampling = null;
        ReadOnlySpan<byte> exif = default, xmp = default;
        var kept = new MemoryStream(file.Length);
        kept.Write(file.AsSpan(0, 2));
        int at = 2;
        while (at + 4 <= file.Length && (file[at], file[at + 1]) is not (0xFF, 0xDA))
        {
            int marker = file[at + 1];
            // A segment may follow bytes that fill, markers that stand alone, and junk.
            if (file[at] != 0xFF || marker is 0 or 1 or (>= 0xD0 and <= 0xD9) or 0xFF)
            {
                at++;
                continue;
            }
            int length = 2 + BinaryPrimitives.ReadUInt16BigEndian(file.AsSpan(at + 2));
            ReadOnlySpan<byte> segment = file.AsSpan(at, Math.Min(length, file.Length - at));
            ReadOnlySpan<byte> content = marker == 0xE1 && segment.Length > 4 ? segment[4..] : default;
            if (exif.IsEmpty && content.StartsWith(ExifHeader))
                exif = content[ExifHeader.Length..];
            else if (content.StartsWith(XmpHeader))
                xmp = content[XmpHeader.Length..];
            // Adobe's last byte is 0 for RGB; frames begin with any of these but 0xC4, 0xC8 and 0xCC, which are tables.
            isRgb |= marker == 0xEE && segment.Length >= 16 && segment[15] == 0;
            if (marker is >= 0xC0 and <= 0xCF and not (0xC4 or 0xC8 or 0xCC))
                sampling = Frame(segment, path);
            if (marker is < 0xE1 or > 0xEF or 0xEE)
                kept.Write(segment);
            at += segment.Length;
        }
        kept.Write(file.AsSpan(at));
        return new StillFile(kept.ToArray(), Orientation.Of(exif, xmp), isRgb ? null : sampling);
    }

    /// <summary>Of a frame's header: precision, rows, columns, and for each component its name, factors and
    /// table.</summary>
    private static Subsampling? Frame(ReadOnlySpan<byte> segment, string path)
    {
        if (segment.Length >= 22 && segment[9] == 4
            && (segment[11], segment[11], segment[11]) != (segment[14], segment[17], segment[20]))
            throw new BadFileException(path, "it is a JPEG of CMYK whose colours are subsampled, which ffmpeg decodes "
                + "wrong; convert it to PNG");
        if (segment.Length < 19 || segment[9] != 3 || segment[14] != segment[17])
            return null;
        if (segment[10] == 'R' && segment[13] == 'G' && segment[16] == 'B')
            return null;
        (int across, int down) = (segment[11] >> 4, segment[11] & 15);
        (int colour, int below) = (segment[14] >> 4, segment[14] & 15);
        if (colour == 0 || below == 0 || across % colour != 0 || down % below != 0
            || (across == colour && down == below))
            return null;
        int height = BinaryPrimitives.ReadUInt16BigEndian(segment[5..]);
        int width = BinaryPrimitives.ReadUInt16BigEndian(segment[7..]);
        return height == 0 || width == 0 ? null
            : new Subsampling(width, height, across / colour, down / below, "pc");
    }

    private static StillFile Png(byte[] file)
    {
        ReadOnlySpan<byte> exif = default, xmp = default;
        for (long at = 8, length; at + 12 <= file.Length; at += 12 + length)
        {
            length = BinaryPrimitives.ReadUInt32BigEndian(file.AsSpan((int)at));
            if (at + 12 + length > file.Length)
                break;
            ReadOnlySpan<byte> chunk = file.AsSpan((int)at + 4, 4 + (int)length);
            if (chunk.StartsWith("eXIf"u8))
                exif = chunk[4..];
            else if (chunk.StartsWith("iTXtXML:com.adobe.xmp\0"u8))
                xmp = chunk[4..];
        }
        return new StillFile(file, Orientation.Of(exif, xmp));
    }

    private static StillFile Tiff(byte[] file, string path)
    {
        var tags = new TiffTags(file);
        if (tags.Fault() is { } fault)
            throw new BadFileException(path, $"it is a TIFF {fault}, which ffmpeg decodes wrong or not at all; "
                + "convert it to PNG");
        return new StillFile(file, Orientation.Of(file, tags.Value(TiffTags.Xmp)),
            Prepare: tags[TiffTags.ExtraSamples] == 1 ? "format=gbrap,unpremultiply=inplace=1" : null);
    }

    private static StillFile WebP(byte[] file, string path)
    {
        Subsampling? sampling = null;
        ReadOnlySpan<byte> exif = default, xmp = default;
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
                exif = chunk[(chunk[8..].StartsWith(ExifHeader) ? 8 + ExifHeader.Length : 8)..];
            else if (chunk.StartsWith("XMP "u8))
                xmp = chunk[8..];
            else
                kept.Write(chunk);
            if (chunk.StartsWith("VP8 "u8) && chunk.Length >= 18)
            {
                int width = BinaryPrimitives.ReadUInt16LittleEndian(chunk[14..]) & 0x3FFF;
                int height = BinaryPrimitives.ReadUInt16LittleEndian(chunk[16..]) & 0x3FFF;
                sampling = new Subsampling(width, height, 2, 2, "tv");
            }
            at += chunk.Length;
        }
        byte[] bytes = kept.ToArray();
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), bytes.Length - 8);
        return new StillFile(bytes, Orientation.Of(exif, xmp), sampling);
    }

    /// <summary>Which properties are the picture's is not looked up: they are few, and a thumbnail has the
    /// same.</summary>
    private static StillFile Heif(byte[] file)
    {
        ReadOnlySpan<byte> meta = Box(file, "meta"u8);
        ReadOnlySpan<byte> properties = Box(Box(meta.Length < 4 ? default : meta[4..], "iprp"u8), "ipco"u8);
        ReadOnlySpan<byte> turned = Box(properties, "irot"u8), mirrored = Box(properties, "imir"u8);
        // Quarters against the clock, and after that upside down or left to right.
        ReadOnlySpan<byte> orientations = [1, 4, 2, 8, 5, 7, 3, 2, 4, 6, 7, 5];
        int turns = turned.IsEmpty ? 0 : turned[0] & 3, mirror = mirrored.IsEmpty ? 0 : 1 + (mirrored[0] & 1);
        // AV1 of 8 bits whose columns share colours, and perhaps its rows; of BT.601, as the filter takes them.
        ReadOnlySpan<byte> size = Box(properties, "ispe"u8), av1 = Box(properties, "av1C"u8);
        ReadOnlySpan<byte> colours = Box(properties, "colr"u8);
        bool isShared = size.Length >= 12 && av1.Length >= 3 && (av1[2] & 0x78) == 8
            && colours.Length >= 11 && colours.StartsWith("nclx"u8) && colours[9] is 5 or 6;
        return new StillFile(file, orientations[3 * turns + mirror], !isShared ? null : new Subsampling(
            BinaryPrimitives.ReadInt32BigEndian(size[4..]), BinaryPrimitives.ReadInt32BigEndian(size[8..]),
            2, (av1[2] & 4) == 0 ? 1 : 2, colours[10] >= 128 ? "pc" : "tv"));
    }

    /// <summary>What is in the first box of a name; nothing where there is none.</summary>
    private static ReadOnlySpan<byte> Box(ReadOnlySpan<byte> boxes, ReadOnlySpan<byte> name)
    {
        while (boxes.Length >= 8 && BinaryPrimitives.ReadUInt32BigEndian(boxes) is >= 8 and var length
            && length <= boxes.Length)
        {
            if (boxes[4..].StartsWith(name))
                return boxes[8..(int)length];
            boxes = boxes[(int)length..];
        }
        return default;
    }
}

/// <summary>Colours that several pixels share.</summary>
/// <param name="Width">Columns of the picture.</param>
/// <param name="Height">Its rows.</param>
/// <param name="Across">Columns that share one.</param>
/// <param name="Down">Rows that share one.</param>
/// <param name="Range">Which levels its planes have, as ffmpeg calls it: pc for all of them, tv for 16 to
/// 235.</param>
internal sealed record Subsampling(int Width, int Height, int Across, int Down, string Range);
