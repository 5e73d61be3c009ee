using JepaEngine.IO;
using JepaEngine.Jepa.Models;
using JepaEngine.Primitives;

namespace JepaEngine.Jepa.Checkpoints;

/// <summary>
/// A LeWorldModel as one safetensors file: the parameters under their names in F32, the configuration as JSON in the
/// metadata entry "config". A <see cref="TrainingCheckpoint"/> of one is such a file too.
/// </summary>
public static class LeWorldModelCheckpoint
{
    private const string Config = "config";

    /// <summary>Writes a model, whole or not at all.</summary>
    /// <exception cref="IOException">The file cannot be written; an earlier one is intact.</exception>
    public static void Save(string path, LeWorldModel model) =>
        Safetensors.Write(path, [.. model.Parameters().Select(p => (p.Name, p.Parameter.Value))],
            new Dictionary<string, string> { [Config] = model.Config.ToJson() });

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
                StateDict.Read(file, [.. model.Parameters().Select(p => (p.Name, p.Parameter.Value))],
                    TrainingCheckpoint.IsTraining);
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    private static LeWorldModel Build(TensorFile file)
    {
        if (!file.Metadata.TryGetValue(Config, out string? json))
            throw new BadFileException(file.Path, "it is neither a LeWorldModel saved by this engine nor a published one");
        LeWorldModelConfig config = StrictJson.Read(
            json, file.Path, LeWorldModelConfig.Published, LeWorldModelJson.Default.LeWorldModelConfig);
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
