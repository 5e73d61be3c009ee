using System.Text.Json;
using System.Text.Json.Serialization;
using JepaEngine.IO;
using JepaEngine.Jepa.Models;

namespace JepaEngine.Jepa.Checkpoints;

/// <summary>This engine's layout of a JEPA model: a safetensors file with the parameters under their own names and the configuration as JSON in its metadata.</summary>
internal static class JepaFormat
{
    /// <summary>The metadata entry.</summary>
    public const string Config = "jepa_config";

    /// <summary>The configuration as JSON.</summary>
    public static string Write(JepaConfig config) => JsonSerializer.Serialize(config, JepaJson.Default.JepaConfig);

    /// <summary>The configuration of a file's metadata.</summary>
    /// <exception cref="BadFileException">It is no configuration, or describes what cannot be.</exception>
    public static JepaConfig Read(string json, string path)
    {
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
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, IgnoreReadOnlyProperties = true)]
[JsonSerializable(typeof(JepaConfig))]
internal sealed partial class JepaJson : JsonSerializerContext;
