using JepaEngine.Jepa.Checkpoints;

namespace JepaEngine.Jepa.Runs;

/// <summary>Earlier checkpoints of a run, the latest few and the best: copies of its model file, named by step.</summary>
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

    /// <summary>Goes on with what the folder holds of the run; the rest is removed.</summary>
    public void Read()
    {
        kept.AddRange(Of(folder));
        Prune();
    }

    /// <summary>Removes all.</summary>
    public void Clear()
    {
        kept.Clear();
        Prune();
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
        if (!Directory.Exists(folder.Checkpoints))
            return;
        RunCheckpoint? best = Best(kept);
        kept = [.. kept.Where((one, i) => ReferenceEquals(one, best) || i >= kept.Count - keep)];
        var wanted = kept.Select(one => Path.GetFileName(one.Path)).ToHashSet();
        foreach (string path in Directory.EnumerateFiles(folder.Checkpoints, "step-*.safetensors").ToList())
            if (!wanted.Contains(Path.GetFileName(path)))
                File.Delete(path);
        if (kept.Count == 0 && !Directory.EnumerateFileSystemEntries(folder.Checkpoints).Any())
            Directory.Delete(folder.Checkpoints);
    }
}
