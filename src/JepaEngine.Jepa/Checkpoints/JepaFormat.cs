using System.Text.Json;
using System.Text.Json.Serialization;
using JepaEngine.IO;
using JepaEngine.Jepa.Models;

namespace JepaEngine.Jepa.Checkpoints;

/// <summary>
/// This engine's layout of a JEPA model: a safetensors file with the parameters under their own names and, in its metadata, the format's version, the
/// configuration as JSON and the model's <see cref="Fingerprint"/>.
/// </summary>
internal static class JepaFormat
{
    private const string Version = "jepa_format", Config = "jepa_config", FirstVersion = "1";

    /// <summary>The metadata of a model's file.</summary>
    public static Dictionary<string, string> Write(JepaModel model) => new()
    {
        [Version] = FirstVersion,
        [Config] = JsonSerializer.Serialize(model.Config, JepaJson.Default.JepaConfig),
        [Fingerprint.Key] = Fingerprint.Of(model).ToString(),
    };

    /// <summary>Whether a file is of this layout.</summary>
    public static bool IsOf(TensorFile file) => file.Metadata.ContainsKey(Config);

    /// <summary>The configuration of a file's metadata.</summary>
    /// <exception cref="BadFileException">It is of a later version, no configuration, or describes what cannot be.</exception>
    public static JepaConfig Read(TensorFile file)
    {
        (string path, string json) = (file.Path, file.Metadata[Config]);
        string version = file.Metadata.GetValueOrDefault(Version, FirstVersion);
        if (version != FirstVersion)
            throw new BadFileException(path, $"its format is of version {version}, this engine reads {FirstVersion}; a newer engine wrote it");
        try
        {
            JepaConfig config = JsonSerializer.Deserialize(json, JepaJson.Default.JepaConfig) ?? throw new JsonException("it is null");
            config.Validate();
            return config;
        }
        catch (Exception error) when (error is JsonException or ArgumentException or NotSupportedException)
        {
            throw new BadFileException(path, "its configuration cannot be read: " + error.Message.ReplaceLineEndings(" "), error);
        }
    }
}

/// <summary>How configurations of JEPA models are written as JSON.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true, RespectNullableAnnotations = true,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    IgnoreReadOnlyProperties = true)]
[JsonSerializable(typeof(JepaConfig))]
internal sealed partial class JepaJson : JsonSerializerContext;
