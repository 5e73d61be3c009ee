using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;

namespace JepaEngine.IO;

/// <summary>Reads configurations: a key that is not known is an error that names the nearest one, not a silence.</summary>
public static class StrictJson
{
    /// <summary>A configuration from JSON; what it does not name is as in <paramref name="defaults"/>.</summary>
    /// <param name="json">The JSON.</param>
    /// <param name="path">The file that holds it, for messages.</param>
    /// <param name="defaults">Values of the keys that are not there, inner objects included.</param>
    /// <param name="type">How the record is stored.</param>
    /// <exception cref="BadFileException">It is no JSON object, names a key that does not exist, or holds a value that
    /// cannot be.</exception>
    public static T Read<T>(string json, string path, T defaults, JsonTypeInfo<T> type) where T : class, IValidated
    {
        try
        {
            json = JsonText.Plain(json);
            JsonRecord.RefuseOddValues(json);
            JsonNode all = JsonSerializer.SerializeToNode(defaults, type)!;
            if (JsonNode.Parse(json) is not JsonObject given)
                throw new BadFileException(path, "it is no JSON object");
            Overwrite(all.AsObject(), given, "", path);
            T record = all.Deserialize(type)!;
            record.Validate();
            return record;
        }
        catch (Exception error) when (JsonRecord.IsFault(error))
        {
            throw new BadFileException(path, "its configuration cannot be read: " + error.Message, error);
        }
    }

    /// <summary>As <see cref="Read"/> from a file.</summary>
    /// <exception cref="BadFileException">As there, or the file is missing.</exception>
    public static T ReadFile<T>(string path, T defaults, JsonTypeInfo<T> type) where T : class, IValidated =>
        Read(JsonText.ReadFile(path), path, defaults, type);

    private static void Overwrite(JsonObject all, JsonObject given, string prefix, string path)
    {
        foreach ((string key, JsonNode? value) in given)
        {
            if (!all.TryGetPropertyValue(key, out JsonNode? known))
                throw new BadFileException(path, $"unknown key '{prefix}{key}'; nearest is '{prefix}{Nearest.Of(key, all.Select(k => k.Key))}'");
            if (known is JsonObject inner && value is JsonObject innerGiven)
                Overwrite(inner, innerGiven, $"{prefix}{key}.", path);
            else
                all[key] = value?.DeepClone();
        }
    }
}
