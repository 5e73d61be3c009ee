using System.Security.Cryptography;
using System.Text;
using JepaEngine.Jepa.Checkpoints;
using JepaEngine.Jepa.Models;
using JepaEngine.Jepa.Planning;
using JepaEngine.Jepa.Training;

namespace JepaEngine.Jepa.Runs;

/// <summary>What a run's checkpoint says of the run: all that decides it, and how far it has come.</summary>
public sealed record RunCheckpoint
{
    /// <summary>Metadata beside the trainer's: the planner as JSON, what computed, and where the data lay if not in the
    /// run.</summary>
    private const string PlannerKey = "planner", DeviceKey = "device", DataPathKey = "data.path";

    private const int RunDigits = 16;

    /// <summary>The file.</summary>
    public required string Path { get; init; }

    /// <summary>The configuration it was trained with.</summary>
    public required RunConfig Config { get; init; }

    /// <summary>How far it has come.</summary>
    public required TrainingProgress Progress { get; init; }

    /// <summary>SHA-256 of the episodes it learns from.</summary>
    public required string Data { get; init; }

    /// <summary>The episode file; null for the run's own.</summary>
    public string? DataPath { get; init; }

    /// <summary>What computed: "cpu avx512"; null where the file does not say. Another one rounds otherwise.</summary>
    public string? Device { get; init; }

    /// <summary>Tells the run from all others: the first digits of the SHA-256 of what decides it.</summary>
    public required string Run { get; init; }

    /// <summary>Tells the checkpoint from all others: its run and step.</summary>
    public string Id => $"{Run}@{Progress.Step}";

    /// <summary>Reads a file's metadata.</summary>
    /// <exception cref="BadFileException">The file is missing or damaged, or no run's checkpoint.</exception>
    public static RunCheckpoint Read(string path)
    {
        using TensorFile file = TensorFile.Open(path);
        return Of(file);
    }

    /// <summary>As <see cref="Read"/>, of a file that is open.</summary>
    internal static RunCheckpoint Of(TensorFile file)
    {
        string path = file.Path;
        IReadOnlyDictionary<string, string> metadata = file.Metadata;
        if (!metadata.TryGetValue(LeWorldModelRecipe.RecipeKey, out string? recipe)
            || !metadata.TryGetValue(LeWorldModelRecipe.DataKey, out string? data)
            || TrainingProgress.Read(metadata) is not { } progress)
        {
            throw new BadFileException(path, "it does not say which run it is of: an earlier "
                + "version wrote it, or it was "
                + "saved without its training; train it again");
        }
        if (LeWorldModel.Family.Read(file, new LoadOptions()).Config is not LeWorldModelConfig model)
            throw new BadFileException(path, $"it is no {LeWorldModel.Family}");
        var config = new RunConfig
        {
            Model = model,
            Train = StrictJson.Read(recipe, path, TrainOptions.Published, TrainJson.Default.TrainOptions),
            Planner = StrictJson.Read(metadata.GetValueOrDefault(PlannerKey) ?? "{}", path, new LatentPlannerOptions(),
                RunJson.Default.LatentPlannerOptions),
        };
        try
        {
            config.Validate();
        }
        catch (ArgumentException error)
        {
            throw new BadFileException(path, error.Message, error);
        }
        byte[] all = Encoding.UTF8.GetBytes($"{RunConfig.Json(model)}\n{recipe}\n{data}");
        return new RunCheckpoint
        {
            Path = path, Config = config, Progress = progress, Data = data,
            DataPath = metadata.GetValueOrDefault(DataPathKey), Device = metadata.GetValueOrDefault(DeviceKey),
            Run = Convert.ToHexStringLower(SHA256.HashData(all))[..RunDigits],
        };
    }

    /// <summary>What the trainer puts into the metadata for <see cref="Read"/>.</summary>
    internal static Dictionary<string, string> Notes(RunConfig config, Device device, string? dataPath)
    {
        var notes = new Dictionary<string, string>
        {
            [PlannerKey] = RunConfig.Json(config.Planner), [DeviceKey] = Name(device),
        };
        if (dataPath is not null)
            notes.Add(DataPathKey, dataPath);
        return notes;
    }

    /// <summary>A device without its number of threads, which changes no bit.</summary>
    internal static string Name(Device device) => device.Backend.Description.Split(',')[0];
}
