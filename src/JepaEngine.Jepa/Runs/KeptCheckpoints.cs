using JepaEngine.Jepa.Checkpoints;

namespace JepaEngine.Jepa.Runs;

/// <summary>Earlier checkpoints of a run, the latest few and the best: copies of its model file, named by
/// step.</summary>
internal sealed class KeptCheckpoints(RunFolder folder, int keep)
{
    private List<RunCheckpoint> kept = [];

    /// <summary>Those in the folder, by step. What is damaged, or of another run, is not among them.</summary>
    /// <exception cref="BadFileException">The folder has no checkpoint that can be read.</exception>
    public static List<RunCheckpoint> Of(RunFolder folder)
    {
        List<RunCheckpoint> found = [];
        if (!Directory.Exists(folder.Checkpoints))
            return found;
        RunCheckpoint latest = folder.Read();
        foreach (string path in Directory.EnumerateFiles(folder.Checkpoints, "step-*.safetensors"))
        {
            try
            {
                var one = RunCheckpoint.Read(path);
                if (one.Run == latest.Run && one.Progress.Step <= latest.Progress.Step)
                    found.Add(one);
            }
            catch (BadFileException)
            {
                continue;
            }
        }
        found.Sort((a, b) => a.Progress.Step.CompareTo(b.Progress.Step));
        return found;
    }

    /// <summary>The one of the lowest running loss; null of none.</summary>
    public static RunCheckpoint? Best(IEnumerable<RunCheckpoint> checkpoints) =>
        checkpoints.MinBy(one => one.Progress.Loss ?? double.PositiveInfinity);

    /// <summary>Goes on with what the folder holds of the run: nothing, where nobody can say which it is.</summary>
    public void Read()
    {
        try
        {
            kept = Of(folder);
        }
        catch (BadFileException)
        {
            kept = [];
        }
    }

    /// <summary>Forgets and removes all of the run; what another run left there stays.</summary>
    public void Clear()
    {
        List<RunCheckpoint> old = kept;
        kept = [];
        foreach (RunCheckpoint one in old)
            File.Delete(one.Path);
        if (Directory.Exists(folder.Checkpoints) && !Directory.EnumerateFileSystemEntries(folder.Checkpoints).Any())
            Directory.Delete(folder.Checkpoints);
    }

    /// <summary>Keeps a copy of the model file, which was saved at a step.</summary>
    /// <exception cref="IOException">It cannot.</exception>
    public void Add(TrainingProgress progress)
    {
        if (keep == 1)
            return;
        string path = Path.Combine(folder.Checkpoints, $"step-{progress.Step:D8}.safetensors");
        try
        {
            AtomicFile.Write(path, copy =>
            {
                using FileStream model = File.OpenRead(folder.Model);
                model.CopyTo(copy);
            });
            // The copy may have the mode of an earlier file, which nobody may read.
            kept.Add(RunCheckpoint.Read(folder.Model) with { Path = path });
            Prune();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or BadFileException)
        {
            throw new IOException($"{path}: step {progress.Step} cannot be kept there ({error.Message}); "
                + $"{folder.Model} is of that step and whole; look at the folder and the free space", error);
        }
    }

    private void Prune()
    {
        RunCheckpoint? best = Best(kept);
        List<RunCheckpoint> wanted = [.. kept.Where((one, i) => ReferenceEquals(one, best) || i >= kept.Count - keep)];
        foreach (RunCheckpoint one in kept.Except(wanted))
            File.Delete(one.Path);
        kept = wanted;
    }
}
