using JepaEngine.Jepa.Training;

namespace JepaEngine.Jepa.Runs;

/// <summary>Where a run stands.</summary>
public enum RunStage
{
    /// <summary>A process trains into it.</summary>
    Training,
    /// <summary>All steps are done.</summary>
    Completed,
    /// <summary>It stopped before its end and can be resumed.</summary>
    Stopped,
    /// <summary>Its latest losses were not finite.</summary>
    Diverged,
    /// <summary>It has no checkpoint that can be read.</summary>
    Broken,
}

/// <summary>What a run's folder holds.</summary>
/// <param name="Folder">The run.</param>
/// <param name="Stage">Where it stands.</param>
/// <param name="Step">Steps done; while it trains those of its log.</param>
/// <param name="Steps">Of so many; 0 where nobody says.</param>
/// <param name="Loss">Running mean of the loss at the checkpoint.</param>
/// <param name="Checkpoint">The latest checkpoint.</param>
/// <param name="Saved">When it was written.</param>
/// <param name="Kept">Checkpoints that were kept, by step.</param>
/// <param name="Best">The one of them with the lowest loss.</param>
/// <param name="Faults">What is wrong, a sentence each.</param>
public sealed record RunState(RunFolder Folder, RunStage Stage, int Step, int Steps, double? Loss, RunCheckpoint? Checkpoint,
    DateTime? Saved, IReadOnlyList<RunCheckpoint> Kept, RunCheckpoint? Best, IReadOnlyList<string> Faults)
{
    private const int Deepest = 4;

    /// <summary>The runs in a folder and in the folders below it, by path.</summary>
    /// <exception cref="BadFileException">The folder is missing.</exception>
    public static IReadOnlyList<RunState> Find(string folder)
    {
        if (!Directory.Exists(folder))
            throw new BadFileException(folder, "there is no such folder");
        var below = new EnumerationOptions
        {
            RecurseSubdirectories = true, MaxRecursionDepth = Deepest, AttributesToSkip = FileAttributes.ReparsePoint,
        };
        return
        [
            .. Directory.EnumerateDirectories(folder, "*", below).Prepend(folder).Select(path => new RunFolder(path))
                .Where(run => run.IsRun())
                .OrderBy(run => run.Root, StringComparer.Ordinal).Select(Of),
        ];
    }

    /// <summary>Looks at a run. It reads no weights and writes nothing.</summary>
    public static RunState Of(RunFolder folder)
    {
        List<string> faults = [];
        RunCheckpoint? checkpoint = Try(folder.Read, faults);
        bool training = Try(() => RunLock.IsHeld(folder), faults);
        if (checkpoint is not null)
        {
            Try(folder.ReadConfig, faults);
            // While it trains the log runs ahead, and a checkpoint may come in between.
            if (!training)
                Try(() => folder.ReadLog(checkpoint), faults);
        }
        if (checkpoint?.DataPath is { } data && !File.Exists(data))
            faults.Add($"{data}: the episodes it learns from are missing; give them with --data where it is resumed");
        List<TrainStep>? read = Try(() => RunFolder.ReadWholeLog(folder.Log), faults);
        List<TrainStep> log = read ?? [];
        int saved = checkpoint?.Progress.Step ?? 0, logged = log.Count == 0 ? 0 : log[^1].Step;
        int missing = saved - log.Count(step => step.Step <= saved);
        if (missing > 0 && read is not null && !training)
            faults.Add($"{folder.Log}: {missing} of {saved} steps are missing");
        int steps = checkpoint?.Config.Train.Steps ?? (log.Count == 0 ? 0 : log[^1].Steps);
        RunStage stage = training ? RunStage.Training
            : logged > saved && log[^1].Skipped ? RunStage.Diverged
            : checkpoint is null ? RunStage.Broken
            : saved >= steps ? RunStage.Completed : RunStage.Stopped;
        List<RunCheckpoint> kept = checkpoint is null ? [] : Try(() => KeptCheckpoints.Of(folder), faults) ?? [];
        return new RunState(folder, stage, training ? Math.Max(saved, logged) : saved, steps, checkpoint?.Progress.Loss, checkpoint,
            checkpoint is null ? null : File.GetLastWriteTimeUtc(folder.Model), kept, KeptCheckpoints.Best(kept),
            [.. faults.Distinct()]);
    }

    private static T? Try<T>(Func<T> read, List<string> faults)
    {
        try
        {
            return read();
        }
        catch (Exception error) when (error is BadFileException or IOException or UnauthorizedAccessException)
        {
            faults.Add(error.Message);
            return default;
        }
    }
}
