using JepaEngine.Jepa.Models;
using JepaEngine.Optim;

namespace JepaEngine.Jepa.Checkpoints;

/// <summary>A model in training as one safetensors file: its parameters under their names, those of its average under
/// "target.", the optimiser's state under "optimizer."; the configuration, the optimiser's steps and the progress in
/// the metadata.</summary>
public static class TrainingCheckpoint
{
    private const string Target = JepaFormat.Target, Optimizer = JepaFormat.Optimizer, OptimizerSteps = "optimizer.steps";

    /// <summary>Writes a file, whole or not at all.</summary>
    /// <param name="path">The file.</param>
    /// <param name="model">What is trained.</param>
    /// <param name="optimizer">Its optimiser.</param>
    /// <param name="target">The module that holds the average; null for none.</param>
    /// <param name="progress">How far it has come.</param>
    /// <param name="configuration">What the metadata say of the model and its run.</param>
    /// <exception cref="IOException">The file cannot be written; an earlier one is intact.</exception>
    public static void Save(string path, Module model, AdamW optimizer, Module? target, TrainingProgress progress,
        IReadOnlyDictionary<string, string> configuration) =>
        AtomicFile.Write(path, stream => Save(stream, model, optimizer, target, progress, configuration));

    /// <summary>As the other, into a stream.</summary>
    internal static void Save(Stream stream, Module model, AdamW optimizer, Module? target, TrainingProgress progress,
        IReadOnlyDictionary<string, string> configuration)
    {
        var metadata = new Dictionary<string, string>(configuration)
        {
            [OptimizerSteps] = optimizer.Steps.ToString(CultureInfo.InvariantCulture),
        };
        progress.Write(metadata);
        Safetensors.Write(stream, Tensors(model, optimizer, target), metadata);
    }

    /// <summary>Sets model, optimiser and average to where they were saved.</summary>
    /// <exception cref="BadFileException">The file holds no training of this model, or of another run.</exception>
    /// <param name="path">The file.</param>
    /// <param name="model">What is trained.</param>
    /// <param name="optimizer">Its optimiser.</param>
    /// <param name="target">The module that holds the average; null for none.</param>
    /// <param name="configuration">What the metadata must say, to the letter.</param>
    public static TrainingProgress Load(string path, Module model, AdamW optimizer, Module? target,
        IReadOnlyDictionary<string, string> configuration)
    {
        using TensorFile file = TensorFile.Open(path);
        if (!long.TryParse(file.Metadata.GetValueOrDefault(OptimizerSteps), CultureInfo.InvariantCulture, out long steps)
            || TrainingProgress.Read(file.Metadata) is not { } progress)
        {
            throw new BadFileException(path, "it does not say how far a training has come; it was "
                + "saved to be used, or by "
                + "an earlier version, and cannot be trained further");
        }
        if (progress.Step - progress.Skipped != steps)
        {
            throw new BadFileException(path, $"{progress.Step} steps, {progress.Skipped} of them skipped, "
                + $"are not the optimiser's "
                + $"{steps}; it is damaged");
        }
        foreach ((string key, string expected) in configuration)
        {
            string? found = file.Metadata.GetValueOrDefault(key);
            if (found != expected)
                throw new BadFileException(path, $"it is of another run: {JsonDifference.Of(key, found, expected)}");
        }
        List<(string Key, Tensor Tensor)> wanted = Tensors(model, optimizer, target);
        KeyCheck.Of(file.Entries.Values, file.Skipped, [.. wanted.Select(w => (w.Key, w.Tensor.Shape))]).Require(path);
        foreach ((string name, Tensor destination) in wanted)
            file.ReadInto(name, destination);
        optimizer.Steps = steps;
        return progress;
    }

    private static List<(string Key, Tensor Tensor)> Tensors(Module model, AdamW optimizer, Module? target) =>
    [
        .. model.Parameters().Select(p => (p.Name, p.Parameter.Value)),
        .. optimizer.State.Select(state => (Optimizer + state.Name, state.Tensor)),
        .. target?.Parameters().Select(p => (Target + p.Name, p.Parameter.Value)) ?? [],
    ];
}
