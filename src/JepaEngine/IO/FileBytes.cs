using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace JepaEngine.IO;

/// <summary>
/// The bytes of a file. Reading goes through the system call, which turns a file that shrinks meanwhile into an error; only <see cref="Lend"/> maps, and
/// what is mapped is compared with the file before each use. Many threads may use one.
/// </summary>
internal sealed class FileBytes : IDisposable
{
    /// <summary>What is smaller is copied, in 5 ms at most: nothing that happens to the file afterwards can harm
    /// that.</summary>
    private const long SmallestMapping = 16 << 20;

    private readonly SafeFileHandle handle;
    private readonly DateTime written;
    private readonly Lock gate = new();
    private Mapping? mapping;
    private bool isDisposed;

    /// <summary>Opens a regular file; what is none (a pipe would block, a device has no end) is refused unopened.</summary>
    /// <exception cref="BadFileException">It is missing, empty, unreadable or no regular file.</exception>
    public FileBytes(string path, bool mapped)
    {
        Path = path;
        MayMap = mapped;
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
            written = File.GetLastWriteTimeUtc(handle);
            IsMapped = mapped && !IsRemote(target);
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

    /// <summary>Whether it was opened to be mapped.</summary>
    public bool MayMap { get; }

    /// <summary>Whether <see cref="Lend"/> gives it: no other machine can change it.</summary>
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
        ObjectDisposedException.ThrowIf(isDisposed, this);
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
    /// The file's bytes in memory, until the result is disposed, even when this is: a private mapping, or a copy of a small file, so that what is written
    /// to it stays in memory. Null where the file is not mapped.
    /// </summary>
    /// <exception cref="BadFileException">It cannot be mapped, or was written to since it was opened.</exception>
    public Mapping? Lend()
    {
        if (!IsMapped)
            return null;
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(isDisposed, this);
            try
            {
                mapping ??= new Mapping(this);
                mapping.Require();
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
        lock (gate)
        {
            if (isDisposed)
                return;
            isDisposed = true;
            if (mapping is null)
                handle.Dispose();
            mapping?.Dispose();
        }
    }

    /// <summary>Whether a file lies on another machine, or is made up by a program: its pages may go away at any
    /// time.</summary>
    private static bool IsRemote(string path)
    {
        var drive = new DriveInfo(System.IO.Path.GetFullPath(path));
        return drive.DriveType == DriveType.Network || drive.DriveFormat.StartsWith("fuse", StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>A whole file in memory, which goes back when the last user has disposed it.</summary>
    public sealed unsafe class Mapping : ILender
    {
        private readonly FileBytes bytes;
        private readonly MemoryMappedFile? file;
        private readonly MemoryMappedViewAccessor? view;
        private readonly byte* start;
        private int users = 1;

        public Mapping(FileBytes bytes)
        {
            this.bytes = bytes;
            if (bytes.Length < SmallestMapping)
            {
                start = (byte*)NativeMemory.AlignedAlloc((nuint)bytes.Length, Allocator.Alignment);
                try
                {
                    bytes.Read(0, new Span<byte>(start, (int)bytes.Length));
                }
                catch
                {
                    NativeMemory.AlignedFree(start);
                    throw;
                }
                return;
            }
            file = MemoryMappedFile.CreateFromFile(
                bytes.handle, null, 0, MemoryMappedFileAccess.CopyOnWrite, HandleInheritability.None, leaveOpen: true);
            view = file.CreateViewAccessor(0, bytes.Length, MemoryMappedFileAccess.CopyOnWrite);
            view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        }

        /// <summary>Address of the file's first byte.</summary>
        public nint Start => (nint)start;

        public Mapping Lend()
        {
            Interlocked.Increment(ref users);
            return this;
        }

        public void Require()
        {
            if (file is null)
                return;
            long length = RandomAccess.GetLength(bytes.handle);
            if (length != bytes.Length || File.GetLastWriteTimeUtc(bytes.handle) != bytes.written)
            {
                throw new BadFileException(bytes.Path, $"it was written to while it was in use (it had "
                    + $"{bytes.Length} bytes, now {length}); "
                    + "load it again, and replace such files by new ones instead of writing to them");
            }
        }

        public void Dispose()
        {
            if (Interlocked.Decrement(ref users) > 0)
                return;
            if (file is null)
            {
                NativeMemory.AlignedFree(start);
            }
            else
            {
                view!.SafeMemoryMappedViewHandle.ReleasePointer();
                view.Dispose();
                file.Dispose();
            }
            bytes.handle.Dispose();
        }
    }
}
