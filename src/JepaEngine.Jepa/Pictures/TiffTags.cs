using System.Buffers.Binary;

namespace JepaEngine.Jepa.Pictures;

/// <summary>The first directory of a TIFF, or of EXIF, which has the same form.</summary>
/// <param name="tiff">The whole of it; what cannot be one has no tags.</param>
internal readonly ref struct TiffTags(ReadOnlySpan<byte> tiff)
{
    /// <summary>How it asks to be turned.</summary>
    public const int Orientation = 0x112;

    /// <summary>A packet of XMP.</summary>
    public const int Xmp = 700;

    /// <summary>What the samples beyond the colours are: 1 is alpha that the colours were multiplied
    /// with.</summary>
    public const int ExtraSamples = 338;

    private const int Bits = 258, Compression = 259, Photometric = 262, FillOrder = 266, Samples = 277, Planar = 284,
        Predictor = 317, TileWidth = 322, SampleFormat = 339, DngVersion = 50706;

    private readonly ReadOnlySpan<byte> tiff =
        tiff.StartsWith("II*\0"u8) || tiff.StartsWith("MM\0*"u8) ? tiff : default;

    /// <summary>A tag's first number; null where there is none, or it is no whole number.</summary>
    public long? this[int tag]
    {
        get
        {
            ReadOnlySpan<byte> value = Value(tag, out int size);
            return value.Length < size ? null : size == 2 ? Short(value) : size == 4 ? Long(value) : null;
        }
    }

    /// <summary>A tag's bytes; none where they are not all there.</summary>
    public ReadOnlySpan<byte> Value(int tag) => Value(tag, out _);

    /// <summary>Why ffmpeg would misread this TIFF: most of these it decodes as wrong pixels and says nothing. What is
    /// left was held against Pillow, kind by kind.</summary>
    public string? Fault()
    {
        long compression = this[Compression] ?? 1, samples = this[Samples] ?? 1, bits = this[Bits] ?? 1;
        long colours = this[Photometric] ?? (samples < 3 ? 1 : 2);
        bool isPacked = compression is 5 or 8 or 32946 or 34925;
        return (compression, colours) switch
        {
            (6 or 7, _) => "compressed as JPEG",
            _ when !isPacked && compression is not (>= 1 and <= 4 or 32773) => $"of compression {compression}",
            _ when !Value(DngVersion).IsEmpty => "of a camera's raw data (DNG)",
            _ when this[TileWidth] is not null => "in tiles",
            _ when (this[SampleFormat] ?? 1) is not (1 or 4) => "of signed or floating-point numbers",
            // ffmpeg undoes it always, libtiff only where it packed.
            _ when !isPacked && this[Predictor] is > 1 => "with a predictor, but not packed",
            _ when this[FillOrder] is 2 && bits is 2 or 4 => "of bits in reverse order",
            (_, 5) when bits != 8 || samples != 4 || this[Planar] is 2 => "of CMYK in planes, 16 bits or with alpha",
            (_, 0 or 1) when samples <= 2 => null,
            (_, 2) when samples is 3 or 4 => null,
            (_, 3) when samples == 1 => null,
            (_, 5) => null,
            _ => $"of colours {colours} in {samples} samples",
        };
    }

    private ReadOnlySpan<byte> Value(int tag, out int size)
    {
        size = 0;
        if (tiff.Length < 8 || Long(tiff[4..]) is var directory && directory > tiff.Length - 2)
            return default;
        ReadOnlySpan<byte> entries = tiff[(int)directory..];
        for (int i = 0, count = Short(entries); i < count && 2 + 12 * (i + 1) <= entries.Length; i++)
        {
            ReadOnlySpan<byte> entry = entries.Slice(2 + 12 * i, 12);
            if (Short(entry) != tag)
                continue;
            size = Short(entry[2..]) switch { 1 or 2 or 6 or 7 => 1, 3 or 8 => 2, 4 or 9 => 4, _ => 8 };
            long length = size * Long(entry[4..]), at = Long(entry[8..]);
            return length <= 4 ? entry.Slice(8, (int)length)
                : at + length <= tiff.Length ? tiff.Slice((int)at, (int)length) : default;
        }
        return default;
    }

    private int Short(ReadOnlySpan<byte> bytes) => tiff[0] == 'I'
        ? BinaryPrimitives.ReadUInt16LittleEndian(bytes) : BinaryPrimitives.ReadUInt16BigEndian(bytes);

    private long Long(ReadOnlySpan<byte> bytes) => tiff[0] == 'I'
        ? BinaryPrimitives.ReadUInt32LittleEndian(bytes) : BinaryPrimitives.ReadUInt32BigEndian(bytes);
}
