using System.Text;
using System.Text.Json;

namespace JepaEngine.Jepa.Models;

/// <summary>Reads the config.json of Hugging Face folders of VJEPA2Model, VJEPA2ForVideoClassification and IJepaModel
/// (transformers 5.12). A key that is not there has the class's default; keys that say nothing about sizes are passed
/// over.</summary>
internal sealed class HuggingFaceConfig
{
    private readonly string path;
    private readonly JsonElement root;

    private HuggingFaceConfig(string path, JsonElement root)
    {
        this.path = path;
        this.root = root;
    }

    /// <summary>The model_type; empty where it says none.</summary>
    public string Type => Text("model_type", "");

    /// <summary>Where a folder's configuration stands.</summary>
    public static string Beside(TensorFile weights) =>
        Path.Combine(Path.GetDirectoryName(Path.GetFullPath(weights.Path)) ?? "", "config.json");

    /// <summary>The configuration that goes with weights; null where there is none.</summary>
    /// <exception cref="BadFileException">It is damaged.</exception>
    public static HuggingFaceConfig? Of(TensorFile weights)
    {
        string beside = Beside(weights);
        byte[]? pending = FolderConfig.Pending(weights, beside);
        return pending is null && !File.Exists(beside) ? null : new HuggingFaceConfig(beside, Parse(beside, pending));
    }

    /// <summary>Opens a config.json.</summary>
    /// <exception cref="BadFileException">It is damaged.</exception>
    public static HuggingFaceConfig Open(string path) => new(path, Parse(path));

    /// <summary>Reads a JSON object.</summary>
    /// <param name="path">The file.</param>
    /// <param name="text">What is to be read in place of the file's bytes.</param>
    /// <exception cref="BadFileException">It is missing or no JSON object.</exception>
    internal static JsonElement Parse(string path, byte[]? text = null)
    {
        try
        {
            string plain = text is null ? JsonText.ReadFile(path) : JsonText.Plain(Encoding.UTF8.GetString(text));
            CheckTexts(Encoding.UTF8.GetBytes(plain));
            JsonElement json = JsonElement.Parse(plain, new JsonDocumentOptions { MaxDepth = 32 });
            if (json.ValueKind == JsonValueKind.Object)
                return json;
            throw new BadFileException(path, "it is no JSON object");
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw new BadFileException(path, "it cannot be read: " + error.Message.ReplaceLineEndings(" "), error);
        }
    }

    /// <summary>Reads each text once: what is no UTF-8, or half a surrogate pair, would else be found by whoever asks
    /// for it.</summary>
    private static void CheckTexts(byte[] json)
    {
        var reader = new Utf8JsonReader(json);
        while (reader.Read())
        {
            if (reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName)
                _ = reader.GetString();
        }
    }

    /// <summary>A configuration that was read from here, with what the folder's processor does to pictures, where it
    /// has one; its crop rounds down, as transformers'.</summary>
    /// <exception cref="BadFileException">It describes what cannot be.</exception>
    public JepaConfig Finish(JepaConfig config)
    {
        config = config with { CropsDown = true };
        try
        {
            config.Validate();
            config = HuggingFaceProcessor.Find(Path.GetDirectoryName(path) ?? "", clips: config.Tubelet > 1)?.Apply(config) ?? config;
            config.Validate();
            return config;
        }
        catch (ArgumentException error)
        {
            throw new BadFileException(path, error.Message, error);
        }
    }

    /// <summary>Whether the configuration is of a class whose name holds a word.</summary>
    public bool IsOf(string word) =>
        root.TryGetProperty("architectures", out JsonElement classes) && classes.GetRawText().Contains(word);

    /// <summary>Refuses the configuration.</summary>
    public BadFileException Refused(string fault) => new(path, fault);

    /// <summary>Refuses blocks that the published models do not have.</summary>
    /// <exception cref="BadFileException">They are others.</exception>
    public void CheckBlocks()
    {
        string activation = Text("hidden_act", "gelu");
        if (activation != "gelu")
            throw new BadFileException(path, $"hidden_act is '{activation}'; the published models have gelu, and so has this engine");
        if (root.TryGetProperty("qkv_bias", out JsonElement bias) && bias.ValueKind == JsonValueKind.False)
            throw new BadFileException(path, "qkv_bias is false; the published models have biases, and so has this engine");
    }

    /// <summary>Refuses another value than the one that is known.</summary>
    /// <exception cref="BadFileException">It is another.</exception>
    public void Expect(string key, int value)
    {
        int given = Integer(key, value);
        if (given != value)
            throw new BadFileException(path, $"{key} is {given}; only {value} is known");
    }

    /// <summary>The classes' names; none where they are not told.</summary>
    public string[] Labels(int classes)
    {
        if (!root.TryGetProperty("id2label", out JsonElement map) || map.ValueKind != JsonValueKind.Object)
            return [];
        string[] labels = [.. Enumerable.Range(0, classes).Select(i => map.TryGetProperty($"{i}", out JsonElement label)
            ? TextOf(label) ?? $"class {i}" : $"class {i}")];
        return labels;
    }

    /// <summary>A whole number of 1 or more.</summary>
    /// <exception cref="BadFileException">It is none.</exception>
    public int Integer(string key, int missing) =>
        !root.TryGetProperty(key, out JsonElement value) || value.ValueKind == JsonValueKind.Null
        ? missing
        : value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) && number > 0
            ? number
            : throw new BadFileException(path, $"{key} is {value.GetRawText()}; it is a whole number of 1 or more");

    /// <summary>A number above 0.</summary>
    /// <exception cref="BadFileException">It is none.</exception>
    public double Number(string key, double missing) =>
        !root.TryGetProperty(key, out JsonElement value) || value.ValueKind == JsonValueKind.Null
        ? missing
        : value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && number is > 0 and < 1e6
            ? number
            : throw new BadFileException(path, $"{key} is {value.GetRawText()}; it is a number above 0 and below 1e6");

    /// <summary>A text.</summary>
    /// <exception cref="BadFileException">It is none.</exception>
    public string Text(string key, string missing) => !root.TryGetProperty(key, out JsonElement value)
        ? missing
        : TextOf(value) ?? throw new BadFileException(path, $"{key} is {value.GetRawText()}; it is a text");

    /// <summary>A value's text; null where it is none, or half a surrogate pair is in it.</summary>
    private static string? TextOf(JsonElement value)
    {
        try
        {
            return value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }
}
