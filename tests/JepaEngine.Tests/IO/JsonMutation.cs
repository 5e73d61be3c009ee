using System.Text.Json;
using System.Text.Json.Nodes;

namespace JepaEngine.Tests.IO;

/// <summary>
/// JSON with one to three values that are null, of another type, at an extreme, away, twice there, or Python's. The seed
/// decides it.
/// </summary>
internal sealed class JsonMutation(int seed)
{
    private const string Literal = "#literal#";

    private static readonly string[] Odd =
    [
        "null", "true", "false", "0", "-1", "1.5", "1e999", "-0", "2147483648", "9223372036854775807", "9223372036854775808", "\"\"", "\"x\"", "\"\\u0000\\n\"",
        "[]", "{}", "[null]", "{\"a\": null}", "[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]", $"\"{Literal}\"",
    ];

    private readonly Random random = new(seed);

    public string Apply(string json)
    {
        JsonNode root = JsonNode.Parse(json)!;
        for (int left = random.Next(1, 4); left > 0; left--)
        {
            JsonNode[] inner = [.. Nodes(root).Where(node => node is JsonObject { Count: > 0 } or JsonArray { Count: > 0 })];
            if (inner.Length > 0)
                Once(inner[random.Next(inner.Length)]);
        }
        string text = root.ToJsonString(new JsonSerializerOptions { WriteIndented = random.Next(2) == 0, MaxDepth = 100 });
        text = text.Replace($"\"{Literal}\"", ((string[])["NaN", "Infinity", "-Infinity"])[random.Next(3)], StringComparison.Ordinal);
        return random.Next(20) switch
        {
            0 => '\uFEFF' + text,
            1 => text + " " + text,
            2 => text[..random.Next(text.Length)],
            3 => text.Insert(text.IndexOf('{') + 1, "\"a\": 1, \"a\": 1, "),
            4 => new string(' ', 100_000) + text,
            _ => text,
        };
    }

    private void Once(JsonNode node)
    {
        string[] all = [.. Odd, $"\"{new string('n', random.Next(4) == 0 ? 300_000 : 300)}\""];
        JsonNode? odd = JsonNode.Parse(all[random.Next(all.Length)]);
        if (node is JsonArray array)
        {
            if (random.Next(3) == 0)
                array.Add(odd);
            else
                array[random.Next(array.Count)] = odd;
            return;
        }
        JsonObject map = node.AsObject();
        string key = map.ElementAt(random.Next(map.Count)).Key;
        switch (random.Next(5))
        {
            case 0: map.Remove(key); break;
            case 1: map[all[^1][1..^1] + random.Next(3)] = odd; break;
            default: map[key] = odd; break;
        }
    }

    private static IEnumerable<JsonNode> Nodes(JsonNode? node) => node is null ? [] :
        node is JsonObject map ? [node, .. map.SelectMany(item => Nodes(item.Value))]
        : node is JsonArray array ? [node, .. array.SelectMany(Nodes)] : [node];
}
