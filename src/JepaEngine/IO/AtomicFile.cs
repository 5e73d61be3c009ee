namespace JepaEngine.IO;

/// <summary>
/// A file that is written whole or not at all: into a temporary file beside it, which takes the name at <see cref="Commit"/>. Disposed before
/// that (an exception, a full disk), the temporary file is removed and an earlier file of the name stays as it was.
/// </summary>
public sealed class AtomicFile : IDisposable
{
    private readonly string path, temporary;
    private readonly FileStream stream;
    private bool committed;

    /// <summary>Starts a file, and its folder where there is none.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public AtomicFile(string path)
    {
        this.path = Path.GetFullPath(path);
        string folder = Path.GetDirectoryName(this.path)!;
        Directory.CreateDirectory(folder);
        temporary = Path.Combine(folder, $".{Path.GetFileName(path)}.{Guid.NewGuid():N}.tmp");
        stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 16);
    }

    /// <summary>What to write to.</summary>
    public Stream Stream => stream;

    /// <summary>Flushes to the disk and takes the name.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public void Commit()
    {
        stream.Flush(flushToDisk: true);
        stream.Dispose();
        File.Move(temporary, path, overwrite: true);
        committed = true;
    }

    /// <summary>Gives the file up unless it was committed.</summary>
    public void Dispose()
    {
        try
        {
            stream.Dispose();
        }
        finally
        {
            // On a full disk it is the last flush that fails.
            if (!committed)
                File.Delete(temporary);
        }
    }

    /// <summary>Writes a file in one go.</summary>
    /// <exception cref="IOException">It cannot be written; an earlier one is intact.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        using var file = new AtomicFile(path);
        write(file.Stream);
        file.Commit();
    }

    /// <summary>As <see cref="Write"/> for a text.</summary>
    public static void WriteText(string path, string text) => Write(path, stream =>
    {
        using var writer = new StreamWriter(stream, leaveOpen: true);
        writer.Write(text);
    });
}
