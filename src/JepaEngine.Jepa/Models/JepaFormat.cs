using System.Text.Json;

namespace JepaEngine.Jepa.Models;

/// <summary>This engine's layout of a model: a safetensors file with the parameters under their own names and, in its
/// metadata, the format's version and the configuration as JSON.</summary>
internal static class JepaFormat
{
    /// <summary>What the keys of a model in training begin with that are not the model's.</summary>
    public const string Target = "target.", Optimizer = "optimizer.";

    private const string Version = "jepa_format", Config = "jepa_config", FirstVersion = "1";

    /// <summary>The metadata of a model's file.</summary>
    public static Dictionary<string, string> Metadata(IModelConfig config) => new()
    {
        [Version] = FirstVersion,
        [Config] = JsonSerializer.Serialize((JepaConfig)config, ConfigJson.Default.JepaConfig),
    };

    /// <summary>Whether a key is the model's, and not its training's.</summary>
    public static bool IsModel(string key) =>
        !key.StartsWith(Target, StringComparison.Ordinal) && !key.StartsWith(Optimizer, StringComparison.Ordinal);

    /// <summary>The id of the family that a file's metadata names; null where it names none.</summary>
    /// <exception cref="BadFileException">It is of a later version, or no configuration.</exception>
    public static string? Family(TensorFile file) => file.Metadata.ContainsKey(Config) ? Read(file).Family.Id : null;

    /// <summary>The configuration of a file's metadata.</summary>
    /// <exception cref="BadFileException">It is of a later version, no configuration, or describes what cannot be.</exception>
    public static JepaConfig Read(TensorFile file)
    {
        (string path, string json) = (file.Path, file.Metadata[Config]);
        string version = file.Metadata.GetValueOrDefault(Version, FirstVersion);
        if (version != FirstVersion)
            throw new BadFileException(path, $"its format is of version {version}, this engine reads {FirstVersion}; a newer engine wrote it");
        return JsonRecord.Parse(json, path, ConfigJson.Default.JepaConfig);
    }
}
