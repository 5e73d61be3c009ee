using System.Text.Json;
using JepaEngine.IO;
using JepaEngine.Jepa.Models;
using JepaEngine.Jepa.Pictures;

namespace JepaEngine.Jepa.Checkpoints;

/// <summary>
/// Reads the config.json of Hugging Face folders of VJEPA2Model, VJEPA2ForVideoClassification and IJepaModel (transformers 5.12). A key that is not there
/// has the class's default; keys that say nothing about sizes are passed over.
/// </summary>
internal sealed class HuggingFaceConfig
{
    private static readonly string[] Processors = ["video_preprocessor_config.json", "preprocessor_config.json"];

    private readonly string path;
    private readonly JsonElement root;

    private HuggingFaceConfig(string path, JsonElement root)
    {
        this.path = path;
        this.root = root;
    }

    /// <summary>The configuration of a folder's weights.</summary>
    /// <param name="path">The config.json.</param>
    /// <param name="weights">The weights beside it, which say whether there is a predictor or a classifier.</param>
    /// <exception cref="BadFileException">It is damaged, of another kind, or describes what cannot be.</exception>
    public static JepaConfig Read(string path, TensorFile weights)
    {
        using JsonDocument document = Parse(path);
        var config = new HuggingFaceConfig(path, document.RootElement);
        string type = config.Text("model_type", "");
        JepaConfig result = Normalized(Path.GetDirectoryName(path) ?? "", type switch
        {
            "vjepa2" => config.VJepa2(weights),
            "ijepa" => config.IJepa(),
            _ => throw new BadFileException(path, $"model_type is '{type}'; vjepa2 and ijepa are read"),
        });
        try
        {
            result.Validate();
            return result;
        }
        catch (ArgumentException error)
        {
            throw new BadFileException(path, error.Message, error);
        }
    }

    /// <summary>Reads a JSON object.</summary>
    /// <exception cref="BadFileException">It is missing or no JSON object.</exception>
    internal static JsonDocument Parse(string path)
    {
        const long limit = 16 << 20;
        try
        {
            if (new FileInfo(path).Length > limit)
                throw new BadFileException(path, $"a configuration of more than {limit >> 20} MiB is none");
            var document = JsonDocument.Parse(File.ReadAllBytes(path), new JsonDocumentOptions { MaxDepth = 32 });
            if (document.RootElement.ValueKind == JsonValueKind.Object)
                return document;
            document.Dispose();
            throw new BadFileException(path, "it is no JSON object");
        }
        catch (Exception error) when (error is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new BadFileException(path, "it cannot be read: " + error.Message.ReplaceLineEndings(" "), error);
        }
    }

    /// <summary>With the mean and deviation of the folder's processor, where it has one: what its users' pictures are normalised by.</summary>
    private static JepaConfig Normalized(string folder, JepaConfig config)
    {
        string? processor = Processors.Select(name => Path.Combine(folder, name)).FirstOrDefault(File.Exists);
        if (processor is null)
            return config;
        using JsonDocument document = Parse(processor);
        return config with
        {
            PixelMean = Channels("image_mean", config.PixelMean),
            PixelStd = Channels("image_std", config.PixelStd),
        };

        float[] Channels(string key, float[] missing)
        {
            if (!document.RootElement.TryGetProperty(key, out JsonElement value) || value.ValueKind == JsonValueKind.Null)
                return missing;
            if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() != 3 || value.EnumerateArray().Any(x => x.ValueKind != JsonValueKind.Number))
                throw new BadFileException(processor, $"{key} is no list of three numbers");
            return [.. value.EnumerateArray().Select(x => x.GetSingle())];
        }
    }

    private JepaConfig VJepa2(TensorFile weights)
    {
        Expect("in_chans", 3);
        CheckBlocks();
        int width = Integer("hidden_size", 1024), heads = Integer("num_attention_heads", 16), crop = Integer("crop_size", 256);
        int predictor = Integer("pred_hidden_size", 384);
        double eps = Number("layer_norm_eps", 1e-6);
        bool classifies = weights.Entries.TryGetValue("classifier.weight", out TensorEntry? classifier) && classifier.Shape.Rank == 2;
        if (!classifies && root.TryGetProperty("architectures", out JsonElement architectures) && architectures.GetRawText().Contains("ForVideoClassification"))
            throw new BadFileException(path, "it promises a classifier, and the weights beside it have none; take the folder's own weights");
        return new JepaConfig
        {
            Family = JepaFamily.VJepa2,
            Encoder = new VitSize(width, Integer("num_hidden_layers", 24), heads, (int)(width * Number("mlp_ratio", 4))),
            Predictor = weights.Entries.Keys.Any(key => key.EndsWith("predictor.layernorm.weight", StringComparison.Ordinal))
                ? new VitSize(predictor, Integer("pred_num_hidden_layers", 12), Integer("pred_num_attention_heads", 12),
                    (int)(predictor * Number("pred_mlp_ratio", 4)))
                : null,
            ImageSize = crop,
            Patch = Integer("patch_size", 16),
            Frames = Integer("frames_per_clip", 64),
            Tubelet = Integer("tubelet_size", 2),
            Epsilon = eps,
            MaskTokens = Integer("pred_num_mask_tokens", 10),
            TargetWidth = width,
            Probe = !classifies ? null : new ProbeConfig
            {
                // The pooler's MLPs are four times as wide whatever mlp_ratio says (VJEPA2MLP's default).
                Size = new VitSize(width, Integer("num_pooler_layers", 3), heads, 4 * width),
                Epsilon = eps,
                Classes = [classifier!.Shape[0]],
                Labels = Labels(classifier.Shape[0]),
            },
        };
    }

    private JepaConfig IJepa()
    {
        Expect("num_channels", 3);
        CheckBlocks();
        int width = Integer("hidden_size", 768);
        return new JepaConfig
        {
            Family = JepaFamily.IJepa,
            Encoder = new VitSize(width, Integer("num_hidden_layers", 12), Integer("num_attention_heads", 12), Integer("intermediate_size", 3072)),
            ImageSize = Integer("image_size", 224),
            Patch = Integer("patch_size", 16),
            Frames = 1,
            Tubelet = 1,
            Epsilon = Number("layer_norm_eps", 1e-12),
            TargetWidth = width,
            // The processor shipped with the folders (ViTImageProcessor) stretches and, by default, has statistics of its own.
            Framing = Framing.Stretch,
            PixelMean = [0.5f, 0.5f, 0.5f],
            PixelStd = [0.5f, 0.5f, 0.5f],
        };
    }

    private void CheckBlocks()
    {
        string activation = Text("hidden_act", "gelu");
        if (activation != "gelu")
            throw new BadFileException(path, $"hidden_act is '{activation}'; the published models have gelu, and so has this engine");
        if (root.TryGetProperty("qkv_bias", out JsonElement bias) && bias.ValueKind == JsonValueKind.False)
            throw new BadFileException(path, "qkv_bias is false; the published models have biases, and so has this engine");
    }

    private void Expect(string key, int value)
    {
        int given = Integer(key, value);
        if (given != value)
            throw new BadFileException(path, $"{key} is {given}; only {value} is known");
    }

    private string[] Labels(int classes)
    {
        if (!root.TryGetProperty("id2label", out JsonElement map) || map.ValueKind != JsonValueKind.Object)
            return [];
        string[] labels = [.. Enumerable.Range(0, classes).Select(i => map.TryGetProperty($"{i}", out JsonElement label)
            && label.ValueKind == JsonValueKind.String ? label.GetString()! : $"class {i}")];
        return labels;
    }

    private int Integer(string key, int missing) => !root.TryGetProperty(key, out JsonElement value) || value.ValueKind == JsonValueKind.Null
        ? missing
        : value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) && number > 0
            ? number
            : throw new BadFileException(path, $"{key} is {value.GetRawText()}; it is a whole number of 1 or more");

    private double Number(string key, double missing) => !root.TryGetProperty(key, out JsonElement value) || value.ValueKind == JsonValueKind.Null
        ? missing
        : value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && number is > 0 and < 1e6
            ? number
            : throw new BadFileException(path, $"{key} is {value.GetRawText()}; it is a number above 0");

    private string Text(string key, string missing) => !root.TryGetProperty(key, out JsonElement value)
        ? missing
        : value.ValueKind == JsonValueKind.String ? value.GetString()! : throw new BadFileException(path, $"{key} is {value.GetRawText()}; it is a text");
}
