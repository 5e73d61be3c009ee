namespace JepaEngine.IO;

/// <summary>What is written to an <see cref="AtomicFile"/>: a fault of the disk names the file that was asked for, not
/// the temporary one.</summary>
internal sealed class OutputStream(FileStream file, string path) : Stream
{
    public override bool CanRead => false;

    public override bool CanSeek => file.CanSeek;

    public override bool CanWrite => file.CanWrite;

    public override long Length => file.Length;

    public override long Position
    {
        get => file.Position;
        set => Seek(value, SeekOrigin.Begin);
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("an output is not read");

    public override void SetLength(long value) => throw new NotSupportedException("an output is as "
        + "long as what is written");

    public override long Seek(long offset, SeekOrigin origin)
    {
        try
        {
            return file.Seek(offset, origin);
        }
        catch (Exception error) when (IsOfDisk(error))
        {
            throw Fault(path, error);
        }
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        try
        {
            file.Write(buffer);
        }
        catch (Exception error) when (IsOfDisk(error))
        {
            throw Fault(path, error);
        }
    }

    public override void Flush()
    {
        try
        {
            file.Flush(flushToDisk: false);
        }
        catch (Exception error) when (IsOfDisk(error))
        {
            throw Fault(path, error);
        }
    }

    /// <summary>Whether an exception is the disk's. A file that is larger than may be (EFBIG) the runtime reports as an
    /// argument that is.</summary>
    public static bool IsOfDisk(Exception error) => error is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException;

    /// <summary>The same fault with the name that was asked for.</summary>
    public static IOException Fault(string path, Exception error)
    {
        string reason = error switch
        {
            ArgumentOutOfRangeException => "it is larger than a file may be here",
            UnauthorizedAccessException => "what stands there may not be replaced",
            _ => error.Message.Split(" : '")[0],
        };
        return new IOException($"{path} is not written: {reason}; an earlier file is intact", error);
    }
}
