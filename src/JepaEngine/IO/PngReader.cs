using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace JepaEngine.IO;

/// <summary>
/// Reads a PNG file (ISO/IEC 15948): every chunk's length is held against the file's and its checksum against its bytes, and no more memory is
/// taken than the packed pixels can fill.
/// </summary>
internal sealed class PngReader
{
    /// <summary>Deflate packs at most 258 bytes into 2 bits (RFC 1951, 3.2.5).</summary>
    private const int MaxRatio = 1032;

    private readonly string path;
    private readonly byte[] file;
    private readonly List<(int Start, int Length)> packed = [];
    private PngHeader header;
    private byte[] palette = [];

    private PngReader(string path)
    {
        this.path = path;
        file = Load(path);
    }

    /// <summary>The file's picture.</summary>
    /// <exception cref="BadFileException">It cannot be read, is no PNG file, damaged, or too large.</exception>
    public static Picture Read(string path)
    {
        var reader = new PngReader(path);
        reader.ReadChunks();
        return reader.Unpack();
    }

    private static byte[] Load(string path)
    {
        try
        {
            // Pipes and devices have no length; opening one could wait for ever.
            long length = new FileInfo(path).Length;
            if (length < Png.Signature.Length)
                throw new BadFileException(path, $"{length} bytes are too few for a PNG file; was the copy cut short?");
            if (length > Array.MaxLength)
                throw new BadFileException(path, $"{length} bytes are more than a PNG file may have here ({Array.MaxLength}); scale the picture down first");
            return File.ReadAllBytes(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new BadFileException(path, "it cannot be read: " + error.Message, error);
        }
    }

    private void ReadChunks()
    {
        if (!file.AsSpan().StartsWith(Png.Signature))
            throw new BadFileException(path, "it does not begin as a PNG file does");
        int at = Png.Signature.Length;
        for (string type = ""; type != "IEND";)
        {
            if (file.Length - at < 12)
                throw new BadFileException(path, $"it ends at byte {file.Length}, before its last chunk; was the copy cut short?");
            uint length = BinaryPrimitives.ReadUInt32BigEndian(file.AsSpan(at));
            if (length > file.Length - at - 12)
                throw new BadFileException(path, $"the chunk at byte {at} claims {length} bytes, {file.Length - at - 12} are left; was the copy cut short?");
            ReadOnlySpan<byte> typed = file.AsSpan(at + 4, 4 + (int)length), data = typed[4..];
            if (BinaryPrimitives.ReadUInt32BigEndian(file.AsSpan(at + 8 + (int)length)) != Png.Checksum(typed))
                throw new BadFileException(path, $"the checksum of the chunk at byte {at} is wrong; the file is damaged");
            bool first = type.Length == 0;
            type = Encoding.Latin1.GetString(typed[..4]);
            if (first != (type == "IHDR"))
                throw new BadFileException(path, first ? "its first chunk is no header; the file is damaged" : "it has two headers; the file is damaged");
            ReadChunk(type, at, data);
            at += 12 + (int)length;
        }
    }

    private void ReadChunk(string type, int at, ReadOnlySpan<byte> data)
    {
        switch (type)
        {
            case "IHDR":
                header = PngHeader.Read(data, path);
                break;
            case "PLTE" when header.Colour == 3:
                if (data.Length % 3 != 0 || data.Length is 0 or > 768)
                    throw new BadFileException(path, $"its palette has {data.Length} bytes, not 3 for each of 1 to 256 colours; the file is damaged");
                palette = data.ToArray();
                break;
            case "IDAT":
                packed.Add((at + 8, data.Length));
                break;
            default:
                // A capital first letter: the picture cannot be understood without this chunk (5.4).
                if (char.IsAsciiLetterUpper(type[0]) && type is not ("IEND" or "PLTE"))
                    throw new BadFileException(path, $"it needs a chunk that PNG does not have, at byte {at}; save it as standard PNG");
                break;
        }
    }

    private Picture Unpack()
    {
        if (header.Colour == 3 && palette.Length == 0)
            throw new BadFileException(path, "it has no palette, but its colours are a palette's; the file is damaged");
        long packedBytes = packed.Sum(part => (long)part.Length);
        if (packedBytes * MaxRatio < header.RawBytes)
            throw new BadFileException(path, $"{packedBytes} packed bytes cannot hold {header.Width}x{header.Height} pixels; the file is damaged");
        var picture = new Picture(header.Width, header.Height, new byte[header.Width * header.Height * 3]);
        var samples = new PngSamples(header, palette);
        using var zlib = new ZLibStream(new Parts(file, packed), CompressionMode.Decompress);
        foreach (PngPass pass in header.Passes)
        {
            byte[] above = new byte[header.RowBytes(pass)], row = new byte[above.Length];
            for (int y = 0; y < pass.Rows(header.Height); y++)
            {
                ReadRow(zlib, row, above, y);
                samples.Write(row, pass, y, picture);
                (row, above) = (above, row);
            }
        }
        return picture;
    }

    private void ReadRow(ZLibStream zlib, byte[] row, byte[] above, int y)
    {
        try
        {
            int filter = zlib.ReadByte();
            zlib.ReadExactly(row);
            if (filter >= Png.Filters)
                throw new BadFileException(path, $"row {y} has filter {filter}; known are 0 to {Png.Filters - 1}: the file is damaged");
            Png.Unfilter(filter, row, above, header.FilterStep);
        }
        catch (EndOfStreamException error)
        {
            throw new BadFileException(path, $"its pixels end in row {y} of {header.Height}; was the copy cut short?", error);
        }
        catch (InvalidDataException error)
        {
            throw new BadFileException(path, $"its pixels cannot be unpacked in row {y}; the file is damaged", error);
        }
    }

    /// <summary>The bytes of several chunks as one stream.</summary>
    private sealed class Parts(byte[] file, List<(int Start, int Length)> parts) : MemoryStream
    {
        private int part, used;

        public override int Read(Span<byte> buffer)
        {
            while (part < parts.Count && used == parts[part].Length)
                (part, used) = (part + 1, 0);
            if (part == parts.Count)
                return 0;
            int count = Math.Min(buffer.Length, parts[part].Length - used);
            file.AsSpan(parts[part].Start + used, count).CopyTo(buffer);
            used += count;
            return count;
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));
    }
}
