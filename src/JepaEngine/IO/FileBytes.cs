using System.IO.MemoryMappedFiles;
using Microsoft.Win32.SafeHandles;

namespace JepaEngine.IO;

/// <summary>
/// The bytes of a file. Reading goes through the system call, which turns a file that shrinks meanwhile into an error; only <see cref="Lend"/> maps.
/// Many threads may use one.
/// </summary>
internal sealed class FileBytes : IDisposable
{
    private readonly SafeFileHandle handle;
    private readonly Lock gate = new();
    private Mapping? mapping;

    /// <summary>Opens a regular file; what is none (a pipe would block, a device has no end) is refused unopened.</summary>
    /// <exception cref="BadFileException">It is missing, empty, unreadable or no regular file.</exception>
    public FileBytes(string path, bool mapped)
    {
        Path = path;
        IsMapped = mapped;
        try
        {
            // The hub's cache is a tree of links.
            string target = File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path;
            if (Directory.Exists(target))
                throw new BadFileException(path, "it cannot be read: it is a folder, not a file");
            // Neither a pipe nor a device has a length.
            if (new FileInfo(target).Length == 0)
                throw new BadFileException(path, "it is empty, or no regular file; was the copy cut short?");
            // Delete: a writer may put a new file in its place.
            handle = File.OpenHandle(target, share: FileShare.Read | FileShare.Delete);
            Length = RandomAccess.GetLength(handle);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new BadFileException(path, "it cannot be read: " + error.Message, error);
        }
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Its size in bytes when it was opened.</summary>
    public long Length { get; }

    /// <summary>Whether <see cref="Lend"/> maps it.</summary>
    public bool IsMapped { get; }

    /// <summary>Fills <paramref name="destination"/> from byte <paramref name="offset"/> on.</summary>
    /// <exception cref="BadFileException">The file ends before, or cannot be read.</exception>
    public void Read(long offset, Span<byte> destination)
    {
        while (destination.Length > 0)
        {
            int count = Some(offset, destination);
            if (count == 0)
                throw new BadFileException(Path, $"it ends at byte {offset}, but {destination.Length} more are needed; was the copy cut short?");
            offset += count;
            destination = destination[count..];
        }
    }

    /// <summary>As <see cref="Read"/>, but only as far as the file goes: the number of bytes, 0 at its end.</summary>
    public int Some(long offset, Span<byte> destination)
    {
        try
        {
            return RandomAccess.Read(handle, destination, offset);
        }
        catch (IOException error)
        {
            throw new BadFileException(Path, $"it cannot be read at byte {offset}: {error.Message}", error);
        }
    }

    /// <summary>
    /// The file's bytes in memory, as long as the result is not disposed, even when this is: a private mapping, so that what is written to it stays
    /// in memory. Null where the file was opened not to be mapped. A mapped file must not be cut short by anyone.
    /// </summary>
    /// <exception cref="BadFileException">It cannot be mapped.</exception>
    public Loan? Lend()
    {
        if (!IsMapped)
            return null;
        if (RandomAccess.GetLength(handle) < Length)
            throw new BadFileException(Path, $"it had {Length} bytes and was cut short since it was opened; load it again");
        lock (gate)
        {
            try
            {
                mapping ??= new Mapping(handle, Length);
                return mapping.Lend();
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                throw new BadFileException(Path, "it cannot be mapped into memory: " + error.Message, error);
            }
        }
    }

    /// <summary>Closes the file; what was lent stays.</summary>
    public void Dispose()
    {
        handle.Dispose();
        Interlocked.Exchange(ref mapping, null)?.Release();
    }

    /// <summary>A part in a mapping.</summary>
    /// <param name="Mapping">Kept until disposed.</param>
    public sealed record Loan(Mapping Mapping) : IDisposable
    {
        private bool over;

        /// <summary>Gives it back, once.</summary>
        public void Dispose()
        {
            if (!over)
                Mapping.Release();
            over = true;
        }
    }

    /// <summary>A whole file in memory, unmapped when the last user has released it.</summary>
    public sealed unsafe class Mapping
    {
        private readonly MemoryMappedFile file;
        private readonly MemoryMappedViewAccessor view;
        private readonly byte* start;
        private int users = 1;

        public Mapping(SafeFileHandle handle, long length)
        {
            file = MemoryMappedFile.CreateFromFile(handle, null, 0, MemoryMappedFileAccess.CopyOnWrite, HandleInheritability.None, leaveOpen: true);
            view = file.CreateViewAccessor(0, length, MemoryMappedFileAccess.CopyOnWrite);
            view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        }

        /// <summary>Address of the file's first byte.</summary>
        public nint Start => (nint)start;

        public Loan Lend()
        {
            Interlocked.Increment(ref users);
            return new Loan(this);
        }

        public void Release()
        {
            if (Interlocked.Decrement(ref users) > 0)
                return;
            view.SafeMemoryMappedViewHandle.ReleasePointer();
            view.Dispose();
            file.Dispose();
        }
    }
}
