using System.Buffers.Binary;
using System.Text;

namespace JepaEngine.Jepa.Data;

/// <summary>What every episode of a file has in common.</summary>
/// <param name="Environment">Name of the environment; at most 64 bytes of UTF-8.</param>
/// <param name="StateSize">Numbers in a state.</param>
/// <param name="ActionSize">Numbers in an action.</param>
/// <param name="Height">Rows of a stored frame; 0 where frames are drawn from states instead.</param>
/// <param name="Width">Columns of a stored frame; 0 where frames are drawn from states instead.</param>
public sealed record EpisodeFormat(string Environment, int StateSize, int ActionSize, int Height = 0, int Width = 0)
{
    /// <summary>Whether frames are stored.</summary>
    public bool HasFrames => Height > 0;

    /// <summary>Bytes of a stored frame: height x width x 3.</summary>
    public long FrameBytes => (long)Height * Width * 3;

    // Bounds that keep every size below 2^63; far above anything real.
    internal bool IsPossible =>
        StateSize is > 0 and <= 1 << 20 && ActionSize is > 0 and <= 1 << 20
        && Height is >= 0 and <= 1 << 14 && Width is >= 0 and <= 1 << 14 && Height > 0 == Width > 0;

    // Each episode starts at a multiple of 8 bytes.
    internal long EpisodeBytes(int steps)
    {
        long states = steps + 1L;
        return (states * (StateSize * 4L + FrameBytes) + steps * 4L * ActionSize + 7) & ~7L;
    }
}

/// <summary>
/// The first 120 bytes of an episode file, little-endian. After it come the episodes, each as states [steps+1, S] f32,
/// actions [steps, A] f32, frames [steps+1, H, W, 3] u8; after those one i32 an episode: its steps, from which all offsets follow.
/// </summary>
internal readonly record struct EpisodeHeader(int Version, EpisodeFormat Format, long Episodes, long FileBytes, ulong Checksum)
{
    public const int Bytes = 120, CurrentVersion = 1, NameBytes = 64;
    private const int ChecksumAt = 48;

    public static ReadOnlySpan<byte> Magic => "JEPAEPIS"u8;

    public static EpisodeHeader Read(ReadOnlySpan<byte> bytes)
    {
        var format = new EpisodeFormat(Encoding.UTF8.GetString(bytes.Slice(56, NameBytes)).TrimEnd('\0'), I32(bytes, 12), I32(bytes, 16),
            I32(bytes, 20), I32(bytes, 24));
        return new EpisodeHeader(I32(bytes, 8), format, BinaryPrimitives.ReadInt64LittleEndian(bytes[32..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[40..]), BinaryPrimitives.ReadUInt64LittleEndian(bytes[ChecksumAt..]));
    }

    /// <summary>The header's bytes with the checksum of header and table.</summary>
    public byte[] Write(ReadOnlySpan<byte> table)
    {
        byte[] bytes = new byte[Bytes];
        Magic.CopyTo(bytes);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(8), Version);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(12), Format.StateSize);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(16), Format.ActionSize);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(20), Format.Height);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(24), Format.Width);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(32), Episodes);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(40), FileBytes);
        Encoding.UTF8.GetBytes(Format.Environment, bytes.AsSpan(56));
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(ChecksumAt), ChecksumOf(bytes, table));
        return bytes;
    }

    /// <summary>64-bit FNV-1a of the header, its own field left out, and of the table.</summary>
    public static ulong ChecksumOf(ReadOnlySpan<byte> header, ReadOnlySpan<byte> table)
    {
        ulong hash = 0xCBF29CE484222325;
        hash = Fold(hash, header[..ChecksumAt]);
        hash = Fold(hash, header[(ChecksumAt + 8)..Bytes]);
        return Fold(hash, table);
    }

    private static ulong Fold(ulong hash, ReadOnlySpan<byte> bytes)
    {
        foreach (byte value in bytes)
            hash = (hash ^ value) * 0x100000001B3;
        return hash;
    }

    private static int I32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadInt32LittleEndian(bytes[at..]);
}
