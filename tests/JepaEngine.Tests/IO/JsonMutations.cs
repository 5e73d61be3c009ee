using System.Globalization;
using System.Text.Json.Nodes;

namespace JepaEngine.Tests.IO;

/// <summary>A JSON document with each of its values replaced by what parsers and sizes are attacked with, one at a
/// time.</summary>
internal static class JsonMutations
{
    private const string Nested = "{\"a\": [[{\"b\": null}]]}";

    private static readonly string[] Values =
    [
        "null", "true", "\"\"", "\"NaN\"", "\"Infinity\"", "\"\\ud800\"", "[]", "{}", "[null]", Nested, "-1", "0", "0.5", "1e999", "-1e999",
        "1e300", "2147483647", "-2147483648", "9223372036854775807", "65537", "1e-320",
    ];

    /// <summary>The mutations: each value replaced, each key left out, doubled and misspelled.</summary>
    public static IEnumerable<string> Of(string json)
    {
        JsonNode root = JsonNode.Parse(json)!;
        foreach (string path in Paths(root, ""))
        {
            foreach (string value in Values)
                yield return Replaced(json, path, value);
            yield return Replaced(json, path, null);
        }
        foreach (string value in Values)
            yield return value;
        yield return json[..(json.Length / 2)];
        yield return json.Replace("\":", "\":1,\"twice\":1,\"twice\":", StringComparison.Ordinal);
    }

    /// <summary>The document with the value at a path replaced, or left out.</summary>
    private static string Replaced(string json, string path, string? value)
    {
        JsonNode root = JsonNode.Parse(json)!, node = root;
        string[] steps = path.Split('/')[1..];
        foreach (string step in steps[..^1])
            node = node is JsonArray list ? list[int.Parse(step, CultureInfo.InvariantCulture)]! : node[step]!;
        string last = steps[^1];
        if (node is JsonArray array)
        {
            int at = int.Parse(last, CultureInfo.InvariantCulture);
            if (value is null)
                array.RemoveAt(at);
            else
                array[at] = Mark;
        }
        else if (value is null)
        {
            node.AsObject().Remove(last);
        }
        else
        {
            node[last] = Mark;
        }
        // As text: 1e999 is no number that a node could hold.
        return root.ToJsonString().Replace($"\"{Mark}\"", value, StringComparison.Ordinal);
    }

    private const string Mark = "@@";

    /// <summary>Where values stand; of an array the first and the last two stand for all.</summary>
    private static IEnumerable<string> Paths(JsonNode? node, string prefix)
    {
        IEnumerable<(string Step, JsonNode? Value)> inside = node switch
        {
            JsonObject map => map.Select(entry => (entry.Key, entry.Value)),
            JsonArray list => list.Select((value, i) => ($"{i}", value)).Where((_, i) => i == 0 || i >= list.Count - 2),
            _ => [],
        };
        foreach ((string step, JsonNode? value) in inside)
        {
            yield return $"{prefix}/{step}";
            foreach (string deeper in Paths(value, $"{prefix}/{step}"))
                yield return deeper;
        }
    }
}
