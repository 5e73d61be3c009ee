using System.Diagnostics;
using JepaEngine.Jepa.Training;

namespace JepaEngine.Jepa.Runs;

/// <summary>
/// Writes a run's folder while it trains. A new run takes the folder with its first checkpoint, after its first step:
/// until then the run before it is whole, from then on this one is. A checkpoint that cannot be written is told and
/// tried again.
/// </summary>
internal sealed class RunWriter : IDisposable
{
    /// <summary>From a checkpoint that could not be written to the next try, while training goes on.</summary>
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(30);

    /// <summary>Waits between the tries at the end.</summary>
    private static readonly TimeSpan[] LastTries = [.. new[] { 1, 2, 4 }.Select(seconds => TimeSpan.FromSeconds(seconds))];

    private readonly RunFolder folder;
    private readonly RunConfig config;
    private readonly RunFolderOptions options;
    private readonly Trainer trainer;
    private readonly Dictionary<string, string> notes;
    private readonly Action<RunEvent>? progress;
    private readonly RunLog log;
    private readonly KeptCheckpoints kept;
    private bool begun, failed, logFails;
    private int? saved;
    private long savedAt, retryAt;

    public RunWriter(RunFolder folder, RunConfig config, RunFolderOptions options, Trainer trainer, Action<RunEvent>? progress)
    {
        (this.folder, this.config, this.options, this.trainer, this.progress) = (folder, config, options, trainer, progress);
        notes = RunCheckpoint.Notes(config, options.Data is { } data ? Path.GetFullPath(data) : null);
        log = new RunLog(folder.Log);
        kept = new KeptCheckpoints(folder, options.Keep);
        savedAt = retryAt = Stopwatch.GetTimestamp();
        if (File.Exists(folder.Model))
            kept.Read();
        if (!options.Resume)
            return;
        (begun, saved) = (true, trainer.Step);
        if (!File.Exists(folder.Config))
            config.Write(folder.Config);
        log.Open(trainer.Step);
    }

    /// <summary>Takes a step down, and saves if it is time to.</summary>
    public void Add(TrainStep step)
    {
        log.Add(step);
        if (!begun && (!step.Skipped || !File.Exists(folder.Model)))
            Begin(step.Skipped);
        else if (begun && IsDue)
            TrySave();
        if (log.Fault is { } fault && !logFails)
            progress?.Invoke(new RunEvent.NotSaved(step.Step, $"{folder.Log}: {fault}"));
        logFails = log.Fault is not null;
    }

    /// <summary>Saves where training has stopped.</summary>
    /// <exception cref="IOException">It could not be written in several tries.</exception>
    public void Finish()
    {
        if (!begun)
            Begin(skipped: false);
        for (int i = 0; i < LastTries.Length && saved != trainer.Step; i++)
        {
            if (!TrySave())
                Thread.Sleep(LastTries[i]);
        }
        if (saved != trainer.Step)
            Save();
    }

    /// <summary>Saves what it can after an exception, which is not to be hidden.</summary>
    public void Rescue()
    {
        if (begun && saved != trainer.Step && trainer.IsBetweenSteps && trainer.IsFinite)
            TrySave();
    }

    public void Dispose() => log.Dispose();

    private bool IsDue => trainer.Progress.SkippedInARow == 0 && Stopwatch.GetTimestamp() >= retryAt
        && (saved is null || trainer.Step % options.CheckpointEvery == 0 || failed
            || Stopwatch.GetElapsedTime(savedAt) >= options.CheckpointInterval);

    private void Begin(bool skipped)
    {
        if (!skipped)
        {
            if (!trainer.IsFinite)
                return;
            trainer.Save(folder.First, notes);
            log.Move(folder.FirstLog);
        }
        // What is of the run before goes before its model does: a file that is missing can be made again, one of
        // another run would be taken for this one's.
        foreach (string stale in new[] { folder.Config, folder.Log, folder.Data, folder.Report })
            File.Delete(stale);
        if (!skipped)
        {
            AtomicFile.Replace(folder.First, folder.Model);
            File.Move(folder.FirstLog, folder.Log);
            (saved, savedAt) = (trainer.Step, Stopwatch.GetTimestamp());
        }
        begun = true;
        kept.Clear();
        config.Write(folder.Config);
        log.Open(trainer.Step);
    }

    private bool TrySave()
    {
        if (!trainer.IsFinite)
        {
            throw new NumericException($"step {trainer.Step}: the parameters are not finite any more; "
                + $"{folder.Model} is of step "
                + $"{saved} and whole; lower train.learningRate");
        }
        try
        {
            Save();
            failed = false;
            return true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            failed = true;
            retryAt = Stopwatch.GetTimestamp() + (long)(Retry.TotalSeconds * Stopwatch.Frequency);
            progress?.Invoke(new RunEvent.NotSaved(trainer.Step, $"{folder.Model}: {error.Message}"));
            return false;
        }
    }

    private void Save()
    {
        trainer.Save(folder.Model, notes);
        (saved, savedAt) = (trainer.Step, Stopwatch.GetTimestamp());
        kept.Add(trainer.Progress);
    }
}
