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
    /// <exception cref="BadFileException">It cannot be read, or its losses are another run's: they do not lead to the
    /// checkpoint's.</exception>
    public List<TrainStep> ReadLog() => File.Exists(Model) ? ReadLog(Read()) : ReadWholeLog(Log);

    /// <summary>As <see cref="ReadLog()"/>, of a checkpoint that was read before.</summary>
    internal List<TrainStep> ReadLog(RunCheckpoint checkpoint)
    {
        List<TrainStep> steps = [.. Lines(Log, checkpoint.Progress.Step).Select(line => line.Step)];
        // Of a log that lacks steps nobody can say.
        return steps.Count < checkpoint.Progress.Step || Progress(steps) == checkpoint.Progress
            ? steps
            : throw new BadFileException(Log, $"it is the log of another run than {Path.GetFileName(Model)}; put the "
                + "right one back, or delete it");
    }

    /// <summary>The steps of a log, beyond the checkpoint too.</summary>
    /// <exception cref="BadFileException">It cannot be read.</exception>
    internal static List<TrainStep> ReadWholeLog(string log) => [.. Lines(log, int.MaxValue).Select(line => line.Step)];

    /// <summary>How far steps lead from the start.</summary>
    internal static TrainingProgress Progress(IEnumerable<TrainStep> steps) =>
        steps.Aggregate(default(TrainingProgress), (before, step) => before.After(step.Loss, !step.Skipped));

    /// <summary>Whether a file holds anything. A pipe, which would keep its reader waiting, and a device do
    /// not.</summary>
    internal static bool HasBytes(string path)
    {
        string target = File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path;
        return File.Exists(target) && new FileInfo(target).Length > 0;
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
        var steps = new SortedDictionary<int, (TrainStep, string)>();
        try
        {
            if (!File.Exists(log) || !HasBytes(log))
                return [];
            using var file = new FileStream(
                log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var reader = new StreamReader(file, Encoding.UTF8);
            while (reader.ReadLine() is { } line)
            {
                if (Step(line) is { } step && step.Step >= 1 && step.Step <= last)
                    steps[step.Step] = (step, line);
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new BadFileException(
                log, $"it cannot be read ({error.Message}); change its mode, or delete it", error);
        }
        return [.. steps.Values];
    }

    /// <summary>The step of a line; null of a torn one.</summary>
    private static TrainStep? Step(string line)
    {
        try
        {
            return TrainStep.Parse(line);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
