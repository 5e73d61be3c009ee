using Microsoft.Win32.SafeHandles;

namespace JepaEngine.IO;

/// <summary>
/// A file that is written whole or not at all: into a temporary file beside it, which takes the name at <see cref="Commit"/>. Disposed before
/// that (an exception, a full disk), the temporary file is removed and an earlier file of the name stays as it was.
/// <para>A file that is replaced keeps its mode, its access list and, where this user may, its owner; a link stays and
/// what it leads to is replaced. What is no file (a device, a pipe, a descriptor such as /dev/stdout) is written to as
/// it is.</para>
/// </summary>
public sealed class AtomicFile : IDisposable
{
    private readonly string path;
    private readonly OutputPlace place;
    private readonly FileStream file;

    /// <summary>Starts a file, and its folder where there is none.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be written.</exception>
    public AtomicFile(string path)
    {
        this.path = path;
        place = OutputPlace.Of(path);
        if (place.IsThrough)
        {
            file = place.Descriptor is { } descriptor
                ? new FileStream(new SafeFileHandle(descriptor, ownsHandle: false), FileAccess.Write)
                : new FileStream(place.Path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete);
        }
        else
        {
            MakeFolder(place.Folder);
            file = Temporary(place.Folder, path, place);
        }
        Stream = new OutputStream(file, path);
    }

    /// <summary>What to write to.</summary>
    public Stream Stream { get; }

    /// <summary>Whether it has its name.</summary>
    internal bool IsCommitted { get; private set; }

    /// <summary>Finds out, before long work, whether a file could be written; leaves nothing behind.</summary>
    /// <returns>Whether what is written replaces what stands there; false of a device or a pipe, which gets it
    /// besides.</returns>
    /// <exception cref="IOException">It cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be written.</exception>
    public static bool Check(string path)
    {
        OutputPlace wanted = OutputPlace.Of(path);
        if (wanted.IsThrough)
            return false;
        string folder = wanted.Folder;
        while (!Path.Exists(folder))
            folder = Path.GetDirectoryName(folder)!;
        FileStream trial = Temporary(folder, path, wanted);
        using (trial)
            File.Delete(trial.Name);
        return true;
    }

    /// <summary>Whether two paths lead to one file; false of devices and pipes.</summary>
    /// <exception cref="IOException">One cannot be followed.</exception>
    public static bool IsSame(string path, string other)
    {
        OutputPlace one = OutputPlace.Of(path);
        return !one.IsThrough && one.Path == OutputPlace.Of(other).Path;
    }

    /// <summary>Waits until the disk has the bytes, takes the name, and waits until the disk has that too.</summary>
    /// <exception cref="IOException">The disk did not take it. An earlier file is intact, but where the message names the folder: there the new
    /// one stands, and a power cut may bring the earlier one back.</exception>
    public void Commit()
    {
        Stream.Flush();
        NativeFile.Sync(file, path);
        if (place.IsThrough)
        {
            IsCommitted = true;
            return;
        }
        // The lock is held until then, so that nobody takes the temporary file for a dead process's.
        try
        {
            File.Move(file.Name, place.Path, overwrite: true);
        }
        catch (Exception error) when (OutputStream.IsOfDisk(error))
        {
            throw OutputStream.Fault(path, error);
        }
        IsCommitted = true;
        file.Dispose();
        NativeFile.SyncFolder(place.Folder);
    }

    /// <summary>Gives the file up unless it was committed.</summary>
    public void Dispose()
    {
        try
        {
            file.Dispose();
        }
        catch (Exception) when (!IsCommitted)
        {
            // On a full disk the last flush fails again.
        }
        if (!IsCommitted && !place.IsThrough)
            File.Delete(file.Name);
    }

    /// <summary>Writes a file in one go.</summary>
    /// <exception cref="IOException">It cannot be written; an earlier one is intact.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be written.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        using var whole = new AtomicFile(path);
        write(whole.Stream);
        whole.Commit();
    }

    /// <summary>As <see cref="Write"/> for a text.</summary>
    public static void WriteText(string path, string text) => Write(path, stream =>
    {
        using var writer = new StreamWriter(stream, leaveOpen: true);
        writer.Write(text);
    });

    /// <summary>Puts a finished file in the place of another, and waits until the disk has that.</summary>
    /// <exception cref="IOException">It cannot be done; both stay, but as at <see cref="Commit"/>.</exception>
    public static void Replace(string finished, string path)
    {
        File.Move(finished, path, overwrite: true);
        NativeFile.SyncFolder(Path.GetDirectoryName(Path.GetFullPath(path))!);
    }

    /// <summary>Makes a folder, and those it lies in, so that the disk has them.</summary>
    private static void MakeFolder(string folder)
    {
        if (Directory.Exists(folder))
            return;
        string? parent = Path.GetDirectoryName(folder);
        if (parent is not null)
            MakeFolder(parent);
        Directory.CreateDirectory(folder);
        if (parent is not null)
            NativeFile.SyncFolder(parent);
    }

    /// <summary>A temporary file that is whose the old one is; never open to more than may see that one.</summary>
    private static FileStream Temporary(string folder, string path, OutputPlace wanted)
    {
        if (!Directory.Exists(folder))
            throw new IOException($"{path}: {folder} is no folder");
        try
        {
            UnixFileMode? closed = wanted.Old is null ? null : UnixFileMode.UserRead | UnixFileMode.UserWrite;
            FileStream stream = TemporaryFiles.Create(folder, closed);
            if (wanted.Old is { } kept)
                NativeFile.Give(stream.SafeFileHandle, kept, wanted.Path);
            return stream;
        }
        catch (UnauthorizedAccessException error)
        {
            throw new UnauthorizedAccessException($"{path}: the folder {folder} may not be written; choose "
                + $"another, or change its mode", error);
        }
        catch (IOException error)
        {
            // The name of the temporary file means nothing to anybody.
            string reason = error is FileNotFoundException ? "it takes none" : error.Message.Split(" : '")[0];
            throw new IOException($"{path}: no file can be made in {folder} ({reason})", error);
        }
    }
}
