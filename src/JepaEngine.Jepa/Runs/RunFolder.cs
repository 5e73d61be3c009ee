using System.Text;
using System.Text.Json;
using JepaEngine.Jepa.Checkpoints;
using JepaEngine.Jepa.Reporting;
using JepaEngine.Jepa.Training;

namespace JepaEngine.Jepa.Runs;

/// <summary>
/// The files of a run. The model file is the run: it says what was trained, on what, how far, and is replaced in one
/// go. All else is made from it, beside it, or can be made again.
/// </summary>
public sealed class RunFolder(string path)
{
    /// <summary>How long a process that starts waits for one that only looks.</summary>
    private const int LockTries = 10, LockMilliseconds = 50;

    /// <summary>The folder.</summary>
    public string Root { get; } = path;

    /// <summary>The <see cref="RunConfig"/>.</summary>
    public string Config => Path.Combine(Root, "config.json");

    /// <summary>Episodes to learn from.</summary>
    public string Episodes => Path.Combine(Root, "episodes.jepa");

    /// <summary>Episodes to measure on.</summary>
    public string HeldOut => Path.Combine(Root, "heldout.jepa");

    /// <summary>The latest checkpoint: the model, with what training needs to go on.</summary>
    public string Model => Path.Combine(Root, "model.safetensors");

    /// <summary>Earlier checkpoints, where more than one is kept: step-00000500.safetensors.</summary>
    public string Checkpoints => Path.Combine(Root, "checkpoints");

    /// <summary>A <see cref="TrainStep"/> a line.</summary>
    public string Log => Path.Combine(Root, "train.jsonl");

    /// <summary>The <see cref="DemoReportData"/>.</summary>
    public string Data => Path.Combine(Root, "report.json");

    /// <summary>The report to look at.</summary>
    public string Report => Path.Combine(Root, "report.html");

    /// <summary>Empty; whoever trains into the folder holds it.</summary>
    internal string LockFile => Path.Combine(Root, ".lock");

    /// <summary>Where the first checkpoint of a run waits to take the place of the run before, and its log behind
    /// it.</summary>
    internal string First => Path.Combine(Root, ".first.safetensors");

    /// <summary>As <see cref="First"/>.</summary>
    internal string FirstLog => Path.Combine(Root, ".first.jsonl");

    /// <summary>What the latest checkpoint says of the run.</summary>
    /// <exception cref="BadFileException">There is none, or it is damaged or of an earlier version.</exception>
    public RunCheckpoint Read() => File.Exists(Model)
        ? RunCheckpoint.Read(Model)
        : throw new BadFileException(Model, $"it is missing; train a model into this folder first: jepa train {Root}");

    /// <summary>
    /// What the run was trained with, from its checkpoint; the planner's settings, which may be changed, from
    /// config.json.
    /// </summary>
    /// <exception cref="BadFileException">There is no model, or config.json describes another run.</exception>
    public RunConfig ReadConfig()
    {
        RunConfig trained = Read().Config;
        if (!File.Exists(Config))
            return trained;
        RunConfig written = RunConfig.Read(Config);
        if (trained.Difference(written) is { } difference)
        {
            throw new BadFileException(Config, $"it is not what {Path.GetFileName(Model)} was "
                + $"trained with: {difference}; "
                + "delete it to go on with the model's, or train anew with --overwrite");
        }
        return trained with { Planner = written.Planner };
    }

    /// <summary>The numbers of the report.</summary>
    /// <exception cref="BadFileException">There are none, or they were measured on another checkpoint.</exception>
    public DemoReportData ReadReport()
    {
        if (!File.Exists(Data))
            throw new BadFileException(Data, $"it is missing; measure the run first: jepa eval {Root}");
        DemoReportData data = DemoReportData.Read(Data);
        if (File.Exists(Model) && data.Checkpoint != Read().Id)
        {
            throw new BadFileException(Data, $"it was not measured on {Path.GetFileName(Model)} as it "
                + $"is now; measure again: "
                + $"jepa eval {Root}");
        }
        return data;
    }

    /// <summary>Writes the report, whole or not at all.</summary>
    public void Render(DemoReportData data) => AtomicFile.WriteText(Report, DemoReport.Html(data));

    /// <summary>
    /// The log, each step once and none beyond the checkpoint's; a torn line (a run that was killed) is left out. Empty
    /// where there is no log.
    /// </summary>
    /// <exception cref="BadFileException">Its losses are another run's: they do not lead to the
    /// checkpoint's.</exception>
    public List<TrainStep> ReadLog()
    {
        if (!File.Exists(Model))
            return ReadWholeLog();
        TrainingProgress saved = Read().Progress, logged = default;
        List<TrainStep> steps = [.. Lines(Log, saved.Step).Select(line => line.Step)];
        foreach (TrainStep step in steps)
            logged = logged.After(step.Loss, !step.Skipped);
        // Of a log that lacks steps nobody can say.
        return steps.Count < saved.Step || logged == saved
            ? steps
            : throw new BadFileException(Log, $"it is the log of another run than "
            + $"{Path.GetFileName(Model)}; put the right one "
                + "back, or delete it");
    }

    /// <summary>As <see cref="ReadLog"/>, with the steps beyond the checkpoint.</summary>
    internal List<TrainStep> ReadWholeLog() => [.. Lines(Log, int.MaxValue).Select(line => line.Step)];

    /// <summary>
    /// Takes the folder, which is made if need be, for one process to train into; disposed, it is free. What a process
    /// left half-written is removed.
    /// </summary>
    /// <exception cref="BadFileException">Another process has it.</exception>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    internal IDisposable Lock()
    {
        Directory.CreateDirectory(Root);
        for (int i = 1; ; i++)
        {
            try
            {
                var held = new FileStream(LockFile, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
                Recover();
                return held;
            }
            catch (IOException error) when (IsHeld(error))
            {
                if (i == LockTries)
                    throw new BadFileException(Root, "another process trains into it; wait for it, "
                        + "or choose another folder", error);
                Thread.Sleep(LockMilliseconds);
            }
        }
    }

    /// <summary>Whether the folder holds a run: what a run leaves at least, or a checkpoint that says it is
    /// one.</summary>
    public bool IsRun()
    {
        if (File.Exists(Log) || File.Exists(LockFile))
            return true;
        try
        {
            return File.Exists(Model) && Read().Run.Length > 0;
        }
        catch (BadFileException)
        {
            return false;
        }
    }

    /// <summary>Whether a process trains into the folder.</summary>
    internal bool IsLocked()
    {
        try
        {
            using var free = new FileStream(LockFile, FileMode.Open, FileAccess.Read, FileShare.Read);
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

    /// <summary>Ends what a killed process began: where its checkpoint took the run's place its log does too, else
    /// nothing of it stays.</summary>
    private void Recover()
    {
        if (File.Exists(First) || File.Exists(Log))
            File.Delete(FirstLog);
        else if (File.Exists(FirstLog))
            File.Move(FirstLog, Log);
        File.Delete(First);
    }

    /// <summary>Cuts a log behind a step; each step stays once.</summary>
    internal static void Cut(string log, int step)
    {
        if (!File.Exists(log))
            return;
        string whole = string.Concat(Lines(log, step).Select(line => line.Text + "\n"));
        if (whole.Length != new FileInfo(log).Length)
            AtomicFile.WriteText(log, whole);
    }

    private static List<(TrainStep Step, string Text)> Lines(string log, int last)
    {
        if (!File.Exists(log))
            return [];
        var steps = new SortedDictionary<int, (TrainStep, string)>();
        using var file = new FileStream(log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using var reader = new StreamReader(file, Encoding.UTF8);
        while (reader.ReadLine() is { } line)
        {
            try
            {
                var step = TrainStep.Parse(line);
                if (step.Step >= 1 && step.Step <= last)
                    steps[step.Step] = (step, line);
            }
            catch (JsonException)
            {
                continue;
            }
        }
        return [.. steps.Values];
    }

    // A missing or forbidden folder is told as itself.
    private static bool IsHeld(IOException error) =>
        error is not (FileNotFoundException or DirectoryNotFoundException or PathTooLongException)
        && (error.HResult & 0xFFFF) is 11 or 35 or 32 or 33;
}
