using System.Text.Json;
using JepaEngine.Jepa.Reporting;
using JepaEngine.Jepa.Training;

namespace JepaEngine.Jepa.Runs;

/// <summary>The files of a run.</summary>
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

    /// <summary>The model, with what training needs to go on.</summary>
    public string Model => Path.Combine(Root, "model.safetensors");

    /// <summary>A <see cref="TrainStep"/> a line.</summary>
    public string Log => Path.Combine(Root, "train.jsonl");

    /// <summary>The <see cref="DemoReportData"/>.</summary>
    public string Data => Path.Combine(Root, "report.json");

    /// <summary>The report to look at.</summary>
    public string Report => Path.Combine(Root, "report.html");

    /// <summary>Writes the report, whole or not at all.</summary>
    public void Render(DemoReportData data) => AtomicFile.WriteText(Report, DemoReport.Html(data));

    /// <summary>The steps the log holds; a torn last line (a run that was killed) is left out.</summary>
    /// <exception cref="BadFileException">There is no log.</exception>
    public List<TrainStep> ReadLog()
    {
        if (!File.Exists(Log))
            throw new BadFileException(Log, "it is missing; train a model into this folder first: jepa train " + Root);
        var steps = new List<TrainStep>();
        foreach (string line in File.ReadLines(Log))
        {
            try
            {
                steps.Add(TrainStep.Parse(line));
            }
            catch (JsonException)
            {
                continue;
            }
        }
        return steps;
    }
}
