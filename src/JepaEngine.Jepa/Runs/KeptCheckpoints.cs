using JepaEngine.Jepa.Checkpoints;

namespace JepaEngine.Jepa.Runs;

/// <summary>Earlier checkpoints of a run, the latest few and the best: copies of its model file, named by
/// step.</summary>
internal sealed class KeptCheckpoints(RunFolder folder, int keep)
{
    private List<RunCheckpoint> kept = [];

    /// <summary>Those in the folder, by step. What is damaged, or of another run, is not among them.</summary>
    public static List<RunCheckpoint> Of(RunFolder folder)
    {
        List<RunCheckpoint> found = [];
        if (!Directory.Exists(folder.Checkpoints) || !File.Exists(folder.Model))
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

    /// <summary>Goes on with what the folder holds of the run.</summary>
    public void Read() => kept = Of(folder);

    /// <summary>Forgets and removes all of the run; what another run left there stays.</summary>
    public void Clear()
    {
        foreach (RunCheckpoint one in kept)
            File.Delete(one.Path);
        kept = [];
        if (Directory.Exists(folder.Checkpoints) && !Directory.EnumerateFileSystemEntries(folder.Checkpoints).Any())
            Directory.Delete(folder.Checkpoints);
    }

    /// <summary>Keeps a copy of the model file, which was saved at a step.</summary>
    public void Add(TrainingProgress progress)
    {
        if (keep == 1)
            return;
        string path = Path.Combine(folder.Checkpoints, $"step-{progress.Step:D8}.safetensors");
        AtomicFile.Write(path, copy =>
        {
            using FileStream model = File.OpenRead(folder.Model);
            model.CopyTo(copy);
        });
        kept.Add(RunCheckpoint.Read(path));
        Prune();
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
