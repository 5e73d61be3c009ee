using System.Text.Json;
using JepaEngine.IO;
using JepaEngine.Jepa.Training;

namespace JepaEngine.Cli;

/// <summary>The files of a run.</summary>
internal sealed class RunFolder(string path)
{
    public string Root { get; } = path;

    public string Config => Path.Combine(Root, "config.json");

    public string Episodes => Path.Combine(Root, "episodes.jepa");

    public string HeldOut => Path.Combine(Root, "heldout.jepa");

    public string Model => Path.Combine(Root, "model.safetensors");

    public string Log => Path.Combine(Root, "train.jsonl");

    public string Data => Path.Combine(Root, "report.json");

    public string Report => Path.Combine(Root, "report.html");

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
