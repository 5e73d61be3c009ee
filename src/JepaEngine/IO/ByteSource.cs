namespace JepaEngine.IO;

/// <summary>A run of bytes inside a file, as tensors see it: read from any position on, and perhaps mapped.</summary>
internal abstract class ByteSource
{
    /// <summary>Number of bytes.</summary>
    public abstract long Length { get; }

    /// <summary>Fills <paramref name="destination"/> from byte <paramref name="offset"/> on.</summary>
    /// <exception cref="BadFileException">The file is shorter than it was, or damaged there.</exception>
    public abstract void Read(long offset, Span<byte> destination);

    /// <summary>As <see cref="Read"/>, for what only says how long the rest is: nothing but these bytes is looked
    /// at.</summary>
    public virtual void Peek(long offset, Span<byte> destination) => Read(offset, destination);

    /// <summary>The first byte in memory, until the lender is disposed; null where the bytes do not lie in a mapped
    /// file.</summary>
    public virtual ILender? Lend(out nint start)
    {
        start = 0;
        return null;
    }
}

/// <summary>Bytes that lie in the file as they are.</summary>
/// <param name="file">The file.</param>
/// <param name="start">The first byte.</param>
/// <param name="length">Number of bytes.</param>
internal sealed class StoredBytes(FileBytes file, long start, long length) : ByteSource
{
    public override long Length => length;

    public override void Read(long offset, Span<byte> destination) => file.Read(start + offset, destination);

    public override ILender? Lend(out nint first)
    {
        FileBytes.Mapping? mapping = file.Lend();
        first = mapping is null ? 0 : mapping.Start + (nint)start;
        return mapping;
    }
}
