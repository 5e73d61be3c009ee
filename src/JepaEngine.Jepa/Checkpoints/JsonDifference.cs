using System.Text.Json;
using System.Text.Json.Nodes;

namespace JepaEngine.Jepa.Checkpoints;

/// <summary>Says where two configurations part.</summary>
internal static class JsonDifference
{
    private const int Longest = 60;

    /// <summary>"train.seed is 1 there, 0 here": the first key that differs, or the texts where they are no
    /// JSON.</summary>
    /// <param name="name">What both are.</param>
    /// <param name="there">What was saved; null for nothing.</param>
    /// <param name="here">What it is compared with.</param>
    public static string Of(string name, string? there, string here) => First(name, Parse(there), Parse(here));

    /// <summary>As <see cref="Of(string, string?, string)"/>; null where both say the same.</summary>
    public static string? Of(string name, JsonNode? there, JsonNode? here) =>
        JsonNode.DeepEquals(there, here) ? null : First(name, there, here);

    private static string First(string name, JsonNode? there, JsonNode? here)
    {
        if (there is JsonObject old && here is JsonObject current)
        {
            foreach (string key in old.Select(entry => entry.Key).Union(current.Select(entry => entry.Key)))
                if (!JsonNode.DeepEquals(old[key], current[key]))
                    return First(name == "" ? key : $"{name}.{key}", old[key], current[key]);
        }
        return $"{name} is {Show(there)} there, {Show(here)} here";
    }

    private static JsonNode? Parse(string? text)
    {
        try
        {
            return text is null ? null : JsonNode.Parse(text);
        }
        catch (JsonException)
        {
            return JsonValue.Create(text);
        }
    }

    private static string Show(JsonNode? node)
    {
        string text = node?.ToJsonString() ?? "nothing";
        return text.Length <= Longest ? text : text[..Longest] + "...";
    }
}
