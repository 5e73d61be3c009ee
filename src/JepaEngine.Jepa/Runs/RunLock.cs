namespace JepaEngine.Jepa.Runs;

/// <summary>A run's folder, which is made if need be, held by the one process that trains into it. What a process left
/// half-done there is ended when it is taken, and when it is given back.</summary>
internal sealed class RunLock : IDisposable
{
    /// <summary>How long a process that starts waits for one that only looks.</summary>
    private const int Tries = 10, Milliseconds = 50;

    private readonly RunFolder folder;
    private readonly FileStream file;
    private readonly DateTime made;

    /// <exception cref="BadFileException">Another process has it.</exception>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    public RunLock(RunFolder folder)
    {
        this.folder = folder;
        // Before a folder is made: its name may be one that cannot be written.
        AtomicFile.Check(folder.LockFile);
        Directory.CreateDirectory(folder.Root);
        file = Open(folder);
        try
        {
            made = File.GetCreationTimeUtc(folder.LockFile);
            new RunTakeover(folder).Recover();
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Whether a process trains into a folder.</summary>
    public static bool IsHeld(RunFolder folder)
    {
        try
        {
            using var free = new FileStream(folder.LockFile, FileMode.Open, FileAccess.Read, FileShare.Read);
            return false;
        }
        catch (FileNotFoundException)
        {
            return false;
        }
        catch (IOException error) when (IsHeld(error))
        {
            return true;
        }
    }

    /// <summary>Makes sure that the folder's name still leads to what is held.</summary>
    /// <exception cref="BadFileException">It does not: what would be written there would be torn from the
    /// rest.</exception>
    public void Require()
    {
        if (File.GetCreationTimeUtc(folder.LockFile) != made)
        {
            throw new BadFileException(folder.Root, "it was moved, replaced or removed (or its .lock was) while a "
                + "process trained into it; what was saved before went with it: go on there with --resume");
        }
    }

    /// <summary>Gives the folder back.</summary>
    public void Dispose()
    {
        try
        {
            new RunTakeover(folder).Recover();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Whoever takes the folder next tries again; why training ended matters more.
        }
        file.Dispose();
    }

    private static FileStream Open(RunFolder folder)
    {
        for (int i = 1; ; i++)
        {
            try
            {
                return new FileStream(folder.LockFile, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException error) when (IsHeld(error))
            {
                if (i == Tries)
                    throw new BadFileException(folder.Root, "another process trains into it; wait for it, "
                        + "or choose another folder", error);
                Thread.Sleep(Milliseconds);
            }
        }
    }

    // A missing or forbidden folder is told as itself.
    private static bool IsHeld(IOException error) =>
        error is not (FileNotFoundException or DirectoryNotFoundException or PathTooLongException)
        && (error.HResult & 0xFFFF) is 11 or 35 or 32 or 33;
}
