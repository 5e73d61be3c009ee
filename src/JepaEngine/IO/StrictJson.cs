using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;

namespace JepaEngine.IO;

/// <summary>Reads configurations: a key that is not known is an error that names the nearest one, not a silence.</summary>
public static class StrictJson
{
    private const int MaxShown = 60;

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
            T record = Deserialize(all, path, type);
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

    /// <summary>The serializer speaks of .NET's types and of lines that are in no file; its path tells the
    /// key.</summary>
    private static T Deserialize<T>(JsonNode all, string path, JsonTypeInfo<T> type)
    {
        try
        {
            return all.Deserialize(type)!;
        }
        catch (JsonException error) when (error.Path is { } place && place.StartsWith("$.", StringComparison.Ordinal))
        {
            string key = place[2..].Split('[')[0];
            JsonNode? value = all;
            JsonTypeInfo? known = type;
            foreach (string word in key.Split('.'))
            {
                value = (value as JsonObject)?[word];
                known = known?.Properties.FirstOrDefault(property => property.Name == word) is { } property
                    ? type.Options.GetTypeInfo(property.PropertyType) : null;
            }
            string given = value?.ToJsonString() ?? "null";
            if (given.Length > MaxShown)
                given = given[..MaxShown] + " ...";
            throw new BadFileException(path, $"{key} is {given}; it is {Expected(known)}", error);
        }
    }

    private static string Expected(JsonTypeInfo? type) => type switch
    {
        { Type: { IsEnum: true } names } => string.Join(" or ", Enum.GetNames(names)),
        { Type: { } number } when number == typeof(ulong) => "a whole number from 0 to 18446744073709551615",
        { Type: { } number } when number == typeof(int) || number == typeof(long) => "a whole number",
        { Type: { } number } when number == typeof(float) || number == typeof(double) => "a number",
        { Type: { } flag } when flag == typeof(bool) => "true or false",
        { Kind: JsonTypeInfoKind.Enumerable, ElementType: { } element } =>
            $"a list, each element {Expected(type.Options.GetTypeInfo(element))}",
        { Kind: JsonTypeInfoKind.Object } => "an object with keys",
        _ => "of another kind",
    };

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
