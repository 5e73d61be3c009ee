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
