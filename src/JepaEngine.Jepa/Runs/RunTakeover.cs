namespace JepaEngine.Jepa.Runs;

/// <summary>
/// How a new run takes a folder: what is new waits as .first.*, what it replaces steps aside as .before.*, and the
/// model's rename decides. Until then all can be undone, from then on it can be completed; whoever has the folder next
/// does the one or the other for a process that was killed. The waiting log is there from the first to the last of it.
/// </summary>
internal sealed class RunTakeover(RunFolder folder)
{
    /// <summary>Where a run's own episodes wait.</summary>
    public string Episodes => First(folder.Episodes);

    /// <summary>What is made again from the new model, and goes with the old one.</summary>
    private string[] Made => [folder.Data, folder.Report, folder.HeldOut];

    /// <summary>Refuses what a run may not or cannot write to, before anything is done.</summary>
    /// <exception cref="ArgumentException">The folder holds what a new run would replace, and that was not
    /// asked for.</exception>
    /// <exception cref="BadFileException">Something that is no file stands where a file has to be.</exception>
    public void Require(RunFolderOptions options)
    {
        string[] files = [.. Replaced(options.Data)];
        if (options is { Resume: false, Overwrite: false })
        {
            if (File.Exists(folder.Model))
            {
                throw new ArgumentException($"{folder.Root} holds a run; go on with it (--resume), "
                    + "replace it (--overwrite), or choose another folder");
            }
            string[] found = [.. files.Append(folder.Model + ".index.json").Where(File.Exists)];
            if (found.Length > 0)
            {
                string names = string.Join(", ", found.Select(Path.GetFileName));
                throw new ArgumentException($"{folder.Root} holds no run, but {names}, where a run's files would lie; "
                    + "move that away, have it replaced (--overwrite), or choose another folder; episodes to learn "
                    + "from are given with --data");
            }
        }
        foreach (string path in files.Append(folder.Model))
        {
            if (Directory.Exists(path))
                throw new BadFileException(path, "it is a folder where a file of the run has to be; move it away");
            if (File.Exists(path) && !RunFolder.HasBytes(path) && !AtomicFile.Check(path))
                throw new BadFileException(path, "it is a device or a pipe in the place of a file; move it away");
        }
        // A link that leads nowhere is there too.
        string kept = folder.Checkpoints;
        if (options.Keep > 1 && !Directory.Exists(kept) && (int)new FileInfo(kept).Attributes != -1)
            throw new BadFileException(kept, "it is no folder that checkpoints can be kept in; move it away");
    }

    /// <summary>Puts a new run in the place of what is there.</summary>
    /// <param name="config">Its configuration.</param>
    /// <param name="log">Its log so far.</param>
    /// <param name="data">The episodes it learns from; null for its own.</param>
    /// <param name="model">Its first checkpoint, written; null where it has none, and nobody before it.</param>
    /// <exception cref="IOException">It cannot; the run before stays as it was.</exception>
    public void Take(RunConfig config, string log, string? data, AtomicFile? model)
    {
        config.Write(First(folder.Config));
        AtomicFile.WriteText(First(folder.Log), log);
        foreach (string path in Replaced(data).Where(File.Exists))
            Try(path, () => File.Move(path, Before(path), overwrite: true));
        if (model is not null)
            Try(folder.Model, model.Commit);
        Complete();
    }

    /// <summary>Ends what a process began, one way or the other.</summary>
    public void Recover()
    {
        if (!File.Exists(First(folder.Log)))
        {
            foreach (string path in new[] { folder.Config, folder.Episodes })
                Delete(First(path));
        }
        else if (IsCommitted())
        {
            Complete();
        }
        else
        {
            Undo();
        }
    }

    /// <summary>What a new run replaces beside the model: not what it learns from.</summary>
    private IEnumerable<string> Replaced(string? data) => Made
        .Concat(data is null ? [folder.Episodes] : [])
        .Where(path => data is null || Path.GetFullPath(path) != Path.GetFullPath(data))
        .Append(folder.Config).Append(folder.Log);

    private bool IsCommitted()
    {
        try
        {
            return RunFolder.Progress(RunFolder.ReadWholeLog(First(folder.Log))) == folder.Read().Progress;
        }
        catch (BadFileException)
        {
            return false;
        }
    }

    private void Complete()
    {
        foreach (string path in Made.Append(folder.Episodes))
            Delete(Before(path));
        foreach (string path in new[] { folder.Config, folder.Episodes, folder.Log })
            Place(path);
    }

    /// <summary>Gives a new file its name; what stands aside lends it its mode and its links.</summary>
    private void Place(string path)
    {
        string first = First(path), before = Before(path);
        if (File.Exists(first) && File.Exists(before))
        {
            AtomicFile.Write(before, stream =>
            {
                using FileStream from = File.OpenRead(first);
                from.CopyTo(stream);
            });
            File.Move(before, path, overwrite: true);
            File.Delete(first);
        }
        else if (File.Exists(first))
        {
            File.Move(first, path, overwrite: true);
        }
    }

    private void Undo()
    {
        foreach (string path in Made.Append(folder.Episodes).Append(folder.Config).Append(folder.Log))
        {
            if (File.Exists(Before(path)))
                File.Move(Before(path), path, overwrite: true);
            Delete(First(path));
        }
    }

    private static void Try(string path, Action step)
    {
        try
        {
            step();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"{path}: the new run cannot take its place ({error.Message}), and what was there "
                + "stays as it was; let it be replaced (free space, mode of the folder, lsattr), or choose another "
                + "folder", error);
        }
    }

    private static void Delete(string path)
    {
        if (File.Exists(path))
            File.Delete(path);
    }

    private static string First(string path) => Aside("first", path);

    private static string Before(string path) => Aside("before", path);

    private static string Aside(string word, string path) =>
        Path.Combine(Path.GetDirectoryName(path)!, $".{word}.{Path.GetFileName(path)}");
}
