using System.Diagnostics;
using JepaEngine.Jepa.Training;

namespace JepaEngine.Jepa.Runs;

/// <summary>
/// Writes a run's folder while it trains. A new run takes the folder with its first checkpoint, after its first step:
/// until then the run before it is whole, from then on this one is. A checkpoint that cannot be written or kept is told
/// and tried again.
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
    private readonly RunLock held;
    private bool failed, logFails;
    private int? saved, keptAt;
    private long savedAt, retryAt;

    public RunWriter(RunFolder folder, RunLock held, RunConfig config, RunFolderOptions options, Trainer trainer,
        Dictionary<string, string> notes, Action<RunEvent>? progress)
    {
        (this.folder, this.held, this.config, this.options) = (folder, held, config, options);
        (this.trainer, this.notes, this.progress) = (trainer, notes, progress);
        log = new RunLog(folder.Log);
        kept = new KeptCheckpoints(folder, options.Keep);
        savedAt = retryAt = Stopwatch.GetTimestamp();
        kept.Read();
        if (!options.Resume)
            return;
        HasBegun = true;
        saved = keptAt = trainer.Step;
        if (!File.Exists(folder.Config))
            config.Write(folder.Config);
        log.Open(trainer.Step);
    }

    /// <summary>Takes a step down, and saves if it is time to.</summary>
    /// <exception cref="BadFileException">The folder is not where it was.</exception>
    /// <exception cref="IOException">The first checkpoint cannot be written.</exception>
    public void Add(TrainStep step)
    {
        held.Require();
        log.Add(step);
        if (!HasBegun && (!step.Skipped || !File.Exists(folder.Model)))
            Begin(step.Skipped);
        else if (HasBegun && IsDue)
            TrySave();
        if (log.Fault is { } fault && !logFails)
            progress?.Invoke(new RunEvent.NotSaved(step.Step, $"{folder.Log}: {fault}"));
        logFails = log.Fault is not null;
    }

    /// <summary>Saves where training has stopped; a run that has moved nothing leaves the one before alone.</summary>
    /// <exception cref="IOException">It could not be written in several tries.</exception>
    public void Finish()
    {
        for (int i = 0; i < LastTries.Length && !IsSaved; i++)
        {
            if (!TrySave())
                Thread.Sleep(LastTries[i]);
        }
        if (!IsSaved)
            Save();
    }

    /// <summary>Saves what it can after an exception, which is not to be hidden.</summary>
    public void Rescue()
    {
        if (HasBegun && saved != trainer.Step && trainer.IsBetweenSteps && trainer.IsFinite)
            TrySave();
    }

    public void Dispose() => log.Dispose();

    /// <summary>Whether the folder is the run's: from its first checkpoint on.</summary>
    public bool HasBegun { get; private set; }

    private bool IsSaved => !HasBegun || (saved == trainer.Step && keptAt == trainer.Step);

    private bool IsDue => trainer.Progress.SkippedInARow == 0 && Stopwatch.GetTimestamp() >= retryAt
        && (saved is null || trainer.Step % options.CheckpointEvery == 0 || failed
            || Stopwatch.GetElapsedTime(savedAt) >= options.CheckpointInterval);

    private void Begin(bool skipped)
    {
        if (!skipped && !trainer.IsFinite)
            return;
        using AtomicFile? model = skipped ? null : new AtomicFile(folder.Model);
        if (model is not null)
            trainer.Write(model.Stream, notes);
        new RunTakeover(folder).Take(config, log.Drain(), options.Data, model);
        HasBegun = true;
        if (!skipped)
            (saved, keptAt, savedAt) = (trainer.Step, trainer.Step, Stopwatch.GetTimestamp());
        log.Open(trainer.Step);
        try
        {
            kept.Clear();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            progress?.Invoke(new RunEvent.NotKept(trainer.Step, error.Message));
        }
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
            progress?.Invoke(saved == trainer.Step
                ? new RunEvent.NotKept(trainer.Step, error.Message)
                : new RunEvent.NotSaved(trainer.Step, $"{folder.Model}: {error.Message}"));
            return false;
        }
    }

    private void Save()
    {
        held.Require();
        if (saved != trainer.Step)
        {
            trainer.Save(folder.Model, notes);
            (saved, savedAt) = (trainer.Step, Stopwatch.GetTimestamp());
        }
        kept.Add(trainer.Progress);
        keptAt = trainer.Step;
    }
}
