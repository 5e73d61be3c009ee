using JepaEngine.Jepa.Models;
using JepaEngine.Optim;

namespace JepaEngine.Jepa.Checkpoints;

/// <summary>A model in training as one safetensors file: its parameters under their names, those of its average under
/// "target.", the optimiser's state under "optimizer."; the configuration, the optimiser's steps and the trainer's in
/// the metadata.</summary>
public static class TrainingCheckpoint
{
    private const string Target = JepaFormat.Target, Optimizer = JepaFormat.Optimizer;
    private const string OptimizerSteps = "optimizer.steps", Step = "step";

    /// <summary>Writes a file, whole or not at all.</summary>
    /// <param name="path">The file.</param>
    /// <param name="model">What is trained.</param>
    /// <param name="optimizer">Its optimiser.</param>
    /// <param name="target">The module that holds the average; null for none.</param>
    /// <param name="step">Steps done, skipped ones included.</param>
    /// <param name="configuration">What the metadata say of the model.</param>
    /// <exception cref="IOException">The file cannot be written; an earlier one is intact.</exception>
    public static void Save(string path, Module model, AdamW optimizer, Module? target, long step,
        IReadOnlyDictionary<string, string> configuration)
    {
        var metadata = new Dictionary<string, string>(configuration)
        {
            [OptimizerSteps] = optimizer.Steps.ToString(CultureInfo.InvariantCulture),
            [Step] = step.ToString(CultureInfo.InvariantCulture),
        };
        Safetensors.Write(path, Tensors(model, optimizer, target), metadata);
    }

    /// <summary>Sets model, optimiser and average to where they were saved.</summary>
    /// <returns>Steps done; of a file that does not say so those of its optimiser.</returns>
    /// <exception cref="BadFileException">The file holds no training of this model.</exception>
    public static long Load(string path, Module model, AdamW optimizer, Module? target)
    {
        using TensorFile file = TensorFile.Open(path);
        if (Number(OptimizerSteps) is not { } steps)
        {
            throw new BadFileException(
                path, "it holds no optimiser; it was saved to be used, not to be trained further");
        }
        List<(string Key, Tensor Tensor)> wanted = Tensors(model, optimizer, target);
        // Files from before these were kept: they are what the model rounds to, as a new optimiser has it.
        wanted.RemoveAll(entry =>
            entry.Key is Optimizer + "master" or Optimizer + "average" && !file.Entries.ContainsKey(entry.Key));
        KeyCheck.Of(file.Entries.Values, [.. wanted.Select(w => (w.Key, w.Tensor.Shape))]).Require(path);
        foreach ((string name, Tensor destination) in wanted)
            file.ReadInto(name, destination);
        optimizer.Steps = steps;
        return Number(Step) ?? steps;

        long? Number(string key) =>
            file.Metadata.TryGetValue(key, out string? text) && long.TryParse(text, out long number) ? number : null;
    }

    private static List<(string Key, Tensor Tensor)> Tensors(Module model, AdamW optimizer, Module? target) =>
    [
        .. model.Parameters().Select(p => (p.Name, p.Parameter.Value)),
        .. optimizer.State.Select(state => (Optimizer + state.Name, state.Tensor)),
        .. target?.Parameters().Select(p => (Target + p.Name, p.Parameter.Value)) ?? [],
    ];
}
