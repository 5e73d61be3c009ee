using System.IO.Compression;

namespace JepaEngine.IO;

/// <summary>Bytes that lie deflated in the file; each read inflates from the start on, so that nothing but what is asked for takes memory.</summary>
/// <param name="file">The file.</param>
/// <param name="start">The first packed byte.</param>
/// <param name="packed">Number of packed bytes.</param>
/// <param name="length">Number of bytes once inflated.</param>
internal sealed class InflatedBytes(FileBytes file, long start, long packed, long length) : ByteSource
{
    public override long Length => length;

    public override void Read(long offset, Span<byte> destination)
    {
        using var stream = new DeflateStream(new PartStream(file, start, packed), CompressionMode.Decompress);
        try
        {
            Span<byte> skipped = stackalloc byte[4096];
            for (; offset > 0; offset -= Math.Min(offset, skipped.Length))
                stream.ReadExactly(skipped[..(int)Math.Min(offset, skipped.Length)]);
            stream.ReadExactly(destination);
        }
        catch (Exception error) when (error is InvalidDataException or EndOfStreamException)
        {
            throw new BadFileException(file.Path, $"what is deflated at byte {start} is damaged: {error.Message}", error);
        }
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
