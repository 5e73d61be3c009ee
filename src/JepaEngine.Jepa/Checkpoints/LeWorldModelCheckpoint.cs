using System.Text.Json;
using JepaEngine.IO;
using JepaEngine.Jepa.Models;
using JepaEngine.Jepa.Training;
using JepaEngine.Optim;
using JepaEngine.Tensors;

namespace JepaEngine.Jepa.Checkpoints;

/// <summary>
/// A LeWorldModel as one safetensors file: the parameters under their names in F32, the configuration as JSON in the metadata entry "config" and,
/// where training is to go on, AdamW's moments and number of steps.
/// </summary>
public static class LeWorldModelCheckpoint
{
    private const string Config = "config", Moment1 = "optimizer.moment1", Moment2 = "optimizer.moment2", Steps = "optimizer.steps";

    /// <summary>Writes a model, whole or not at all; with an optimiser also what <see cref="LoadOptimizer"/> needs.</summary>
    /// <exception cref="IOException">The file cannot be written; an earlier one is intact.</exception>
    public static void Save(string path, LeWorldModel model, AdamW? optimizer = null)
    {
        List<(string, Tensor)> tensors = [.. model.Parameters().Select(p => (p.Name, p.Parameter.Value))];
        var metadata = new Dictionary<string, string> { [Config] = JsonSerializer.Serialize(model.Config, RunJson.Default.LeWorldModelConfig) };
        if (optimizer is not null)
        {
            tensors.AddRange([(Moment1, optimizer.Moment1), (Moment2, optimizer.Moment2)]);
            metadata.Add(Steps, optimizer.Steps.ToString());
        }
        Safetensors.Write(path, tensors, metadata);
    }

    /// <summary>Whether a file, or the weights of a folder, are a LeWorldModel's: one of ours or a published state dict.</summary>
    /// <exception cref="BadFileException">The file is damaged.</exception>
    public static bool Holds(string path)
    {
        using TensorFile file = TensorFile.Open(ModelFile.Weights(path));
        return file.Metadata.ContainsKey(Config) || PublishedLeWorldModel.Holds(file);
    }

    /// <summary>
    /// The model of a file of <see cref="Save"/>, or of a published state dict (weights.pt, its config.json beside it), on a device and in evaluation mode.
    /// </summary>
    /// <exception cref="BadFileException">The file is damaged, or not of this kind.</exception>
    public static LeWorldModel Load(string path, Device device)
    {
        using TensorFile file = TensorFile.Open(ModelFile.Weights(path));
        bool published = !file.Metadata.ContainsKey(Config) && PublishedLeWorldModel.Holds(file);
        LeWorldModel model = published ? PublishedLeWorldModel.Build(file) : Build(file);
        try
        {
            model.Allocate(device);
            if (published)
                PublishedLeWorldModel.Read(file, model);
            else
                StateDict.Read(file, [.. model.Parameters().Select(p => (p.Name, p.Parameter.Value))], key => key is Moment1 or Moment2);
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Sets an optimiser of the file's model to where it was saved.</summary>
    /// <exception cref="BadFileException">The file holds no optimiser of this model.</exception>
    public static void LoadOptimizer(string path, AdamW optimizer)
    {
        using TensorFile file = TensorFile.Open(path);
        if (!file.Metadata.TryGetValue(Steps, out string? text) || !long.TryParse(text, out long steps))
            throw new BadFileException(path, "it holds no optimiser; it was saved to be used, not to be trained further");
        StateDict.Read(file, [(Moment1, optimizer.Moment1), (Moment2, optimizer.Moment2)], key => key is not (Moment1 or Moment2));
        optimizer.Steps = steps;
    }

    private static LeWorldModel Build(TensorFile file)
    {
        if (!file.Metadata.TryGetValue(Config, out string? json))
            throw new BadFileException(file.Path, "it is neither a LeWorldModel saved by this engine nor a published one");
        LeWorldModelConfig config = StrictJson.Read(json, file.Path, LeWorldModelConfig.Published, RunJson.Default.LeWorldModelConfig);
        try
        {
            return new LeWorldModel(config);
        }
        catch (ArgumentException error)
        {
            throw new BadFileException(file.Path, "no model has its configuration: " + error.Message, error);
        }
    }
}
