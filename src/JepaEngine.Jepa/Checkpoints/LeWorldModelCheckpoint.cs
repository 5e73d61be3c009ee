using JepaEngine.Jepa.Models;

namespace JepaEngine.Jepa.Checkpoints;

/// <summary>A LeWorldModel as one safetensors file: the parameters under their names in F32, the configuration as JSON
/// in the metadata entry "config". A <see cref="TrainingCheckpoint"/> of one is such a file too.</summary>
public static class LeWorldModelCheckpoint
{
    /// <summary>Writes a model, whole or not at all.</summary>
    /// <exception cref="IOException">The file cannot be written; an earlier one is intact.</exception>
    public static void Save(string path, LeWorldModel model) => Safetensors.Write(
        path, [.. model.Parameters().Select(p => (p.Name, p.Parameter.Value))], LeWorldModel.Family.Metadata(model.Config));

    /// <summary>The model of a file of <see cref="Save"/>, or of a published state dict (weights.pt, its config.json
    /// beside it), on a device, in evaluation mode and in memory of its own: to be trained further.</summary>
    /// <exception cref="BadFileException">The file is damaged, or not of this kind.</exception>
    public static LeWorldModel Load(string path, Device device)
    {
        using ModelFile file = ModelFile.Open(path);
        return file.Config.Family == LeWorldModel.Family
            ? (LeWorldModel)file.LoadTrainable(device)
            : throw new BadFileException(file.File.Path, $"it holds {file.Config.Family}, not {LeWorldModel.Family}");
    }
}
