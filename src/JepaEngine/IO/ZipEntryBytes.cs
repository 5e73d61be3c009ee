using System.IO.Compression;
using System.IO.Hashing;

namespace JepaEngine.IO;

/// <summary>
/// An entry of a zip file, stored or deflated. The first read of it, or the first loan, goes through all of it and
/// compares its checksum; of deflated bytes each read inflates from the start on, so that nothing but what is asked for
/// takes memory.
/// </summary>
/// <param name="file">The file.</param>
/// <param name="name">The entry.</param>
/// <param name="start">The first byte in the file.</param>
/// <param name="packed">Number of bytes there.</param>
/// <param name="length">Number of bytes once inflated.</param>
/// <param name="deflated">Whether they are deflated.</param>
/// <param name="crc">The checksum; 0 of a stored entry where PyTorch was told to compute none, as numpy never
/// is.</param>
internal sealed class ZipEntryBytes(FileBytes file, string name, long start, long packed, long length, bool deflated, uint crc)
    : ByteSource
{
    private volatile bool isSound = !deflated && crc == 0 && !name.EndsWith(NpzFile.Ending, StringComparison.Ordinal);

    public override long Length => length;

    /// <summary>Whether reading takes more memory than the file has bytes of it.</summary>
    public bool IsDeflated => deflated;

    public override void Read(long offset, Span<byte> destination) => Read(offset, destination, check: !isSound);

    public override void Peek(long offset, Span<byte> destination) => Read(offset, destination, check: false);

    public override ILender? Lend(out nint first)
    {
        FileBytes.Mapping? mapping = deflated ? null : file.Lend();
        if (mapping is not null && !isSound)
            Read(0, []);
        first = mapping is null ? 0 : mapping.Start + (nint)start;
        return mapping;
    }

    private void Read(long offset, Span<byte> destination, bool check)
    {
        if (!check && !deflated)
        {
            file.Read(start + offset, destination);
            return;
        }
        using var part = new PartStream(file, start, packed);
        using Stream stream = deflated ? new DeflateStream(part, CompressionMode.Decompress) : part;
        try
        {
            var sum = new Crc32();
            Pass(stream, offset, sum);
            stream.ReadExactly(destination);
            if (!check)
                return;
            sum.Append(destination);
            Pass(stream, length - offset - destination.Length, sum);
            if (sum.GetCurrentHashAsUInt32() != crc || stream.ReadByte() >= 0)
                throw new InvalidDataException("its checksum is another");
            isSound = true;
        }
        catch (Exception error) when (error is InvalidDataException or EndOfStreamException)
        {
            throw new BadFileException(file.Path, $"its entry '{name}' is damaged "
                + $"({error.Message}); copy the file again", error);
        }
    }

    private static void Pass(Stream stream, long count, Crc32 sum)
    {
        if (count == 0)
            return;
        const int most = 1 << 18;
        byte[] buffer = System.Buffers.ArrayPool<byte>.Shared.Rent((int)Math.Min(count, most));
        for (; count > 0; count -= Math.Min(count, buffer.Length))
        {
            Span<byte> piece = buffer.AsSpan(0, (int)Math.Min(count, buffer.Length));
            stream.ReadExactly(piece);
            sum.Append(piece);
        }
        System.Buffers.ArrayPool<byte>.Shared.Return(buffer);
    }

    /// <summary>A part of a file as a stream.</summary>
    private sealed class PartStream(FileBytes file, long start, long length) : Stream
    {
        private long position;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => length;

        public override long Position { get => position; set => throw new NotSupportedException(); }

        public override int Read(Span<byte> buffer)
        {
            int count = (int)Math.Min(buffer.Length, length - position);
            file.Read(start + position, buffer[..count]);
            position += count;
            return count;
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override void Flush() { }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
