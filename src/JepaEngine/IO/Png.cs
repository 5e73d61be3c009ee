using System.Buffers.Binary;
using System.IO.Compression;

namespace JepaEngine.IO;

/// <summary>
/// Reads PNG files (ISO/IEC 15948) of every kind as RGB, and writes 8-bit RGB and RGBA, each row with the filter that leaves the smallest residue.
/// </summary>
public static class Png
{
    internal const int Filters = 5;
    private static readonly uint[] CrcTable = MakeCrcTable();

    internal static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    /// <summary>
    /// Reads a file of any colour type, depth and interlace as Pillow 13's convert("RGB") does: alpha and transparent colours are dropped, 16 bits lose the
    /// lower 8, 16-bit grey too (Pillow clips that at 255).
    /// </summary>
    /// <exception cref="BadFileException">It cannot be read, is no PNG file, damaged, or larger than <see cref="Picture.MaxPixels"/>.</exception>
    public static Picture Read(string path) => PngReader.Read(path);

    /// <summary>Whether a file begins as a PNG file does; false where there is none.</summary>
    /// <exception cref="BadFileException">It cannot be read.</exception>
    public static bool IsPng(string path)
    {
        try
        {
            var info = new FileInfo(path);
            if (!info.Exists || info.Length < Signature.Length)
                return false;
            using FileStream stream = info.OpenRead();
            Span<byte> start = stackalloc byte[Signature.Length];
            stream.ReadExactly(start);
            return start.SequenceEqual(Signature);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new BadFileException(path, "it cannot be read: " + error.Message, error);
        }
    }

    /// <summary>The file's bytes.</summary>
    /// <param name="pixels">[height, width, channels], red first.</param>
    /// <param name="width">Columns.</param>
    /// <param name="height">Rows.</param>
    /// <param name="channels">3 for RGB, 4 for RGBA.</param>
    public static byte[] Encode(ReadOnlySpan<byte> pixels, int width, int height, int channels = 3)
    {
        using var stream = new MemoryStream();
        Write(stream, pixels, width, height, channels);
        return stream.ToArray();
    }

    /// <summary>Writes the file to a stream.</summary>
    /// <param name="stream">Destination; it stays open.</param>
    /// <param name="pixels">[height, width, channels], red first.</param>
    /// <param name="width">Columns.</param>
    /// <param name="height">Rows.</param>
    /// <param name="channels">3 for RGB, 4 for RGBA.</param>
    /// <exception cref="ArgumentException">The sizes do not fit.</exception>
    public static void Write(Stream stream, ReadOnlySpan<byte> pixels, int width, int height, int channels = 3)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        if (channels is not (3 or 4) || pixels.Length != (long)width * height * channels)
            throw new ArgumentException($"{pixels.Length} bytes are no {width}x{height} image of {channels} channels (3 or 4)", nameof(pixels));
        stream.Write(Signature);
        Span<byte> header = stackalloc byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header[4..], height);
        header[8] = 8;
        header[9] = channels == 3 ? (byte)2 : (byte)6;
        header[10..].Clear();
        WriteChunk(stream, "IHDR"u8, header);
        WriteChunk(stream, "IDAT"u8, Compress(pixels, width * channels, channels));
        WriteChunk(stream, "IEND"u8, default);
    }

    private static ReadOnlySpan<byte> Compress(ReadOnlySpan<byte> pixels, int rowBytes, int channels)
    {
        var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.SmallestSize, leaveOpen: true))
        {
            ReadOnlySpan<byte> above = new byte[rowBytes];
            byte[] candidate = new byte[rowBytes + 1], best = new byte[rowBytes + 1];
            for (; !pixels.IsEmpty; pixels = pixels[rowBytes..])
            {
                var row = pixels[..rowBytes];
                long smallest = long.MaxValue;
                for (byte filter = 0; filter < Filters; filter++)
                {
                    candidate[0] = filter;
                    long residue = Filter(filter, row, above, channels, candidate.AsSpan(1));
                    if (residue >= smallest)
                        continue;
                    smallest = residue;
                    (candidate, best) = (best, candidate);
                }
                zlib.Write(best);
                above = row;
            }
        }
        return packed.GetBuffer().AsSpan(0, (int)packed.Length);
    }

    // Filters a row and returns the sum of the residues' sizes, which guesses well which filter compresses best.
    private static long Filter(byte filter, ReadOnlySpan<byte> row, ReadOnlySpan<byte> above, int channels, Span<byte> result)
    {
        long sum = 0;
        for (int i = 0; i < row.Length; i++)
        {
            int left = i < channels ? 0 : row[i - channels], corner = i < channels ? 0 : above[i - channels];
            result[i] = (byte)(row[i] - Predict(filter, left, above[i], corner));
            sum += Math.Abs((int)(sbyte)result[i]);
        }
        return sum;
    }

    /// <summary>Turns a filtered row back in place.</summary>
    internal static void Unfilter(int filter, Span<byte> row, ReadOnlySpan<byte> above, int channels)
    {
        for (int i = 0; i < row.Length; i++)
        {
            int left = i < channels ? 0 : row[i - channels], corner = i < channels ? 0 : above[i - channels];
            row[i] = (byte)(row[i] + Predict(filter, left, above[i], corner));
        }
    }

    private static int Predict(int filter, int left, int above, int corner) => filter switch
    {
        0 => 0,
        1 => left,
        2 => above,
        3 => (left + above) / 2,
        _ => Paeth(left, above, corner),
    };

    private static int Paeth(int left, int above, int corner)
    {
        int estimate = left + above - corner;
        int toLeft = Math.Abs(estimate - left), toAbove = Math.Abs(estimate - above), toCorner = Math.Abs(estimate - corner);
        if (toLeft <= toAbove && toLeft <= toCorner)
            return left;
        return toAbove <= toCorner ? above : corner;
    }

    private static void WriteChunk(Stream stream, ReadOnlySpan<byte> type, ReadOnlySpan<byte> data)
    {
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, data.Length);
        stream.Write(number);
        stream.Write(type);
        stream.Write(data);
        BinaryPrimitives.WriteUInt32BigEndian(number, ~Crc(Crc(uint.MaxValue, type), data));
        stream.Write(number);
    }

    /// <summary>The checksum of a chunk's type and data.</summary>
    internal static uint Checksum(ReadOnlySpan<byte> bytes) => ~Crc(uint.MaxValue, bytes);

    private static uint Crc(uint crc, ReadOnlySpan<byte> bytes)
    {
        foreach (byte value in bytes)
            crc = CrcTable[(byte)(crc ^ value)] ^ (crc >> 8);
        return crc;
    }

    private static uint[] MakeCrcTable()
    {
        uint[] table = new uint[256];
        for (uint i = 0; i < table.Length; i++)
        {
            uint crc = i;
            for (int bit = 0; bit < 8; bit++)
                crc = (crc & 1) == 0 ? crc >> 1 : (crc >> 1) ^ 0xEDB88320;
            table[i] = crc;
        }
        return table;
    }
}
