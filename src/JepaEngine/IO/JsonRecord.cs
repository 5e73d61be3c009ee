using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace JepaEngine.IO;

/// <summary>Reads records from JSON: whatever is wrong with one, and whoever finds it, is a
/// <see cref="BadFileException"/>.</summary>
public static class JsonRecord
{
    /// <summary>A whole record, validated.</summary>
    /// <param name="json">The JSON.</param>
    /// <param name="path">The file that holds it, for messages.</param>
    /// <param name="type">How the record is stored.</param>
    /// <exception cref="BadFileException">It is no such record, or one that cannot be.</exception>
    public static T Parse<T>(string json, string path, JsonTypeInfo<T> type) where T : class, IValidated
    {
        try
        {
            json = JsonText.Plain(json);
            RefuseOddValues(json);
            T record = JsonSerializer.Deserialize(json, type) ?? throw new JsonException("it is null");
            record.Validate();
            return record;
        }
        catch (Exception error) when (IsFault(error))
        {
            throw new BadFileException(path, $"it holds no {typeof(T).Name}: {error.Message}", error);
        }
    }

    /// <summary>Whether an exception says that JSON is not what was asked for.</summary>
    internal static bool IsFault(Exception error) => error is JsonException or ArgumentException or FormatException
        or InvalidOperationException or NotSupportedException or OverflowException;

    // The serializer refuses null for a property that cannot be null, but not for an element of an array, and takes
    // 1e999 as infinity.
    internal static void RefuseOddValues(string json)
    {
        var reader = new Utf8JsonReader(Encoding.UTF8.GetBytes(json));
        var before = JsonTokenType.None;
        while (reader.Read())
        {
            if (reader.TokenType == JsonTokenType.Null && before != JsonTokenType.PropertyName)
                throw new JsonException($"an element is null at byte {reader.TokenStartIndex}");
            if (reader.TokenType == JsonTokenType.Number && !double.IsFinite(reader.GetDouble()))
                throw new JsonException($"a number is beyond 1.8e308 at byte {reader.TokenStartIndex}");
            before = reader.TokenType;
        }
    }
}
