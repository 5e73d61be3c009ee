using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;

namespace JepaEngine.Tests.IO;

/// <summary>Writes zip files field by field, so that a test can have one of them wrong.</summary>
internal sealed class ZipBytes
{
    private readonly List<byte> bytes = [], directory = [];
    private int count;

    /// <summary>Position of the entry added last.</summary>
    public int Local { get; private set; }

    public ZipBytes Add(string name, byte[] content, int? at = null, int method = 0, int flags = 0, long? length = null, bool wide = false,
        string? localName = null)
    {
        Local = at ?? bytes.Count;
        // What is deflated here is no sound stream.
        uint crc = method == 0 ? Crc32.HashToUInt32(content) : 0;
        if (at is null)
            bytes.AddRange([.. U32(0x04034B50), .. U16(20), .. U16(flags), .. U16(method), .. new byte[4], .. U32(crc), .. U32(content.Length),
                .. U32(length ?? content.Length), .. U16(Utf8(localName ?? name).Length), .. U16(0), .. Utf8(localName ?? name), .. content]);
        byte[] extra = wide ? [.. U16(1), .. U16(24), .. I64(length ?? content.Length), .. I64(content.Length), .. I64(Local)] : [];
        long limit = wide ? uint.MaxValue : 0;
        directory.AddRange([.. U32(0x02014B50), .. U16(20), .. U16(20), .. U16(flags), .. U16(method), .. new byte[4], .. U32(crc),
            .. U32(wide ? limit : content.Length), .. U32(wide ? limit : length ?? content.Length), .. U16(Utf8(name).Length),
            .. U16(extra.Length), .. new byte[10],
            .. U32(wide ? limit : Local), .. Utf8(name), .. extra]);
        count++;
        return this;
    }

    public byte[] Ended(bool wide = false, long? claimed = null, string comment = "")
    {
        int start = bytes.Count, end = start + directory.Count;
        byte[] end64 = !wide ? [] :
        [
            .. U32(0x06064B50), .. I64(44), .. U16(45), .. U16(45), .. new byte[8], .. I64(claimed ?? count), .. I64(claimed ?? count),
            .. I64(directory.Count), .. I64(start),
            .. U32(0x07064B50), .. U32(0), .. I64(end), .. U32(1),
        ];
        int entries = wide ? ushort.MaxValue : (int)(claimed ?? count);
        return [.. bytes, .. directory, .. end64, .. U32(0x06054B50), .. new byte[4], .. U16(entries), .. U16(entries), .. U32(directory.Count), .. U32(start),
            .. U16(comment.Length), .. Utf8(comment)];
    }

    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);

    private static byte[] U16(int value) => [(byte)value, (byte)(value >> 8)];

    private static byte[] U32(long value)
    {
        byte[] result = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(result, (uint)value);
        return result;
    }

    private static byte[] I64(long value)
    {
        byte[] result = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(result, value);
        return result;
    }
}
