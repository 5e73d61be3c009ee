using System.Text.Json;
using JepaEngine.Jepa.Pictures;

namespace JepaEngine.Jepa.Models;

/// <summary>What the processor in a Hugging Face folder does to pictures, as transformers 5.12 does it: each key is
/// honoured, or refused by its name. A key that is not there has the class's default.</summary>
internal sealed class HuggingFaceProcessor
{
    private static readonly string[] Filters = ["nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"];

    private readonly string path;
    private readonly JsonElement root;

    private HuggingFaceProcessor(string path, JsonElement root) => (this.path, this.root) = (path, root);

    /// <summary>A folder's processor, in the order in which transformers looks for it; null where it has
    /// none.</summary>
    /// <exception cref="BadFileException">It is damaged.</exception>
    public static HuggingFaceProcessor? Find(string folder, bool clips)
    {
        string joint = Path.Combine(folder, "processor_config.json");
        if (File.Exists(joint)
            && HuggingFaceConfig.Parse(joint).TryGetProperty(clips ? "video_processor" : "image_processor", out JsonElement nested)
            && nested.ValueKind == JsonValueKind.Object)
            return new HuggingFaceProcessor(joint, nested);
        string[] names = clips ? ["video_preprocessor_config.json", "preprocessor_config.json"] : ["preprocessor_config.json"];
        string? found = names.Select(name => Path.Combine(folder, name)).FirstOrDefault(File.Exists);
        return found is null ? null : new HuggingFaceProcessor(found, HuggingFaceConfig.Parse(found));
    }

    /// <summary>A model's configuration with what the processor does.</summary>
    /// <exception cref="BadFileException">It does what this engine does not.</exception>
    public JepaConfig Apply(JepaConfig config)
    {
        foreach (string key in (ReadOnlySpan<string>)["do_pad", "do_flip_channel_order", "do_grayscale"])
            Require(!Flag(key, false), $"{key} is true; pictures are not changed so here");
        // The class takes the short side from the crop, whatever the file says of it.
        bool ofVJepa2 = Type.Length == 0 ? config.Tubelet > 1 : Type.Contains("VJEPA2", StringComparison.Ordinal);
        bool resizes = Flag("do_resize", true), crops = Flag("do_center_crop", ofVJepa2);
        (int crop, _) = Edge("crop_size", config.ImageSize);
        (int edge, bool isShort) = ofVJepa2 ? ((int)(crop * 256L / 224), true) : Edge("size", config.ImageSize);
        Require(crops || !resizes || !isShort, $"do_center_crop is false, so that pictures keep their "
            + $"shape; the model sees squares");
        Require(!crops || !resizes || edge >= crop, $"crop_size {crop} is larger than size {edge}; "
            + $"pictures get no margins here");
        int size = crops ? crop : resizes ? edge : config.ImageSize;
        Require(size == config.ImageSize, $"{(crops ? "crop_size" : "size")} is {size}, but the model sees {config.ImageSize} pixels");
        // (x f - m) / s, of pixels in 0..255, is (x / 255 - m / 255 f) / (s / 255 f).
        double whole = Flag("do_rescale", true) ? 255 * Number("rescale_factor", 1 / 255.0) : 255;
        bool normalizes = Flag("do_normalize", true);
        return config with
        {
            PixelMean = normalizes ? Scaled(Channels("image_mean", config.PixelMean), whole) : [0, 0, 0],
            PixelStd = Scaled(normalizes ? Channels("image_std", config.PixelStd) : [1, 1, 1], whole),
            Filter = Filter(),
            Framing = (resizes, crops, isShort) switch
            {
                (true, true, true) => Framing.ShortSideThenCrop,
                (true, true, false) => Framing.StretchThenCrop,
                (true, false, _) => Framing.Stretch,
                (false, true, _) => Framing.Crop,
                _ => Framing.AsItIs,
            },
            Resized = edge,
            Cropped = crop,
        };
    }

    private string Type
    {
        get
        {
            foreach (string key in (ReadOnlySpan<string>)["video_processor_type", "image_processor_type", "feature_extractor_type"])
                if (root.TryGetProperty(key, out JsonElement type) && type.ValueKind == JsonValueKind.String)
                    return type.GetString()!;
            return "";
        }
    }

    /// <summary>A square's edge, or with true that of the short side.</summary>
    private (int Edge, bool IsShort) Edge(string key, int missing)
    {
        if (!TryGet(key, out JsonElement value))
            return (missing, false);
        if (value.ValueKind == JsonValueKind.Object)
        {
            if (value.TryGetProperty("shortest_edge", out JsonElement shortest) && !value.TryGetProperty("longest_edge", out _))
                return (Whole(key, shortest), true);
            Require(value.TryGetProperty("height", out JsonElement height) & value.TryGetProperty("width", out JsonElement width),
                $"{key} is {value.GetRawText()}; it is a number, height and width, or shortest_edge");
            Require(Whole(key, height) == Whole(key, width), $"{key} is {height} x {width}; the model sees squares");
            return (Whole(key, height), false);
        }
        return (Whole(key, value), false);
    }

    private int Whole(string key, JsonElement value)
    {
        int number = 0;
        Require(value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out number) && number is > 0 and <= 65536,
            $"{key} is {value.GetRawText()}; an edge is 1 to 65536 pixels");
        return number;
    }

    private ResizeFilter Filter()
    {
        if (!TryGet("resample", out JsonElement value))
            return ResizeFilter.Bilinear;
        string name = value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) && number >= 0 && number < Filters.Length
            ? Filters[number]
            : value.ToString();
        Require(name is "bilinear" or "bicubic", $"resample is {value.GetRawText()} ({name}); pictures are resized "
            + $"bilinear (2) or bicubic (3)");
        return name == "bicubic" ? ResizeFilter.Bicubic : ResizeFilter.Bilinear;
    }

    private float[] Channels(string key, float[] missing)
    {
        if (!TryGet(key, out JsonElement value))
            return missing;
        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() != 3 || value.EnumerateArray().Any(x => x.ValueKind != JsonValueKind.Number))
            throw new BadFileException(path, $"{key} is no list of three numbers");
        return [.. value.EnumerateArray().Select(x => x.GetSingle())];
    }

    private double Number(string key, double missing)
    {
        if (!TryGet(key, out JsonElement value))
            return missing;
        double number = 0;
        Require(value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out number) && number is > 0 and < 1e6,
            $"{key} is {value.GetRawText()}; it is a number above 0");
        return number;
    }

    private bool Flag(string key, bool missing)
    {
        if (!TryGet(key, out JsonElement value))
            return missing;
        Require(value.ValueKind is JsonValueKind.True or JsonValueKind.False, $"{key} is {value.GetRawText()}; it is true or false");
        return value.ValueKind == JsonValueKind.True;
    }

    private bool TryGet(string key, out JsonElement value) =>
        root.TryGetProperty(key, out value) && value.ValueKind != JsonValueKind.Null;

    private static float[] Scaled(float[] channels, double whole) =>
        Math.Abs(whole - 1) < 1e-12 ? channels : [.. channels.Select(x => (float)(x / whole))];

    private void Require(bool condition, string fault)
    {
        if (!condition)
            throw new BadFileException(path, fault);
    }
}
