using System.Text.Json;
using JepaEngine.Jepa.Pictures;

namespace JepaEngine.Jepa.Models;

/// <summary>What the processor in a Hugging Face folder does to pictures, as transformers 5.12 does it: each key is
/// honoured, or refused by its name. A key that is not there has the class's default; a class that is not known is
/// refused.</summary>
internal sealed class HuggingFaceProcessor
{
    private const string VJepa2 = "VJEPA2", VideoMae = "VideoMAE", ViT = "ViT";

    private static readonly string[] Types = ["image_processor_type", "feature_extractor_type"];

    private static readonly string[] Endings =
        ["VideoProcessor", "ImageProcessor", "ImageProcessorFast", "ImageProcessorPil", "FeatureExtractor"];

    private static readonly string[] Filters = ["nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"];

    /// <summary>Of the keys that say what is done, those that are followed, or change no pixel here: frames are chosen
    /// elsewhere, and pictures are RGB whatever the file says.</summary>
    private static readonly string[] Followed =
        ["do_resize", "do_center_crop", "do_rescale", "do_normalize", "do_sample_frames", "do_convert_rgb"];

    /// <summary>Other keys that change pixels where they are set; what is in neither list says nothing of
    /// pixels.</summary>
    private static readonly string[] Changing =
        ["rescale_offset", "pad_size", "size_divisor", "crop_pct", "use_square_size"];

    private static readonly ClassDefaults Clip = new(ResizeFilter.Bicubic,
        [0.48145466f, 0.4578275f, 0.40821073f], [0.26862954f, 0.26130258f, 0.27577711f], Crops: true);

    /// <summary>By what stands before ImageProcessor and VideoProcessor.</summary>
    private static readonly Dictionary<string, ClassDefaults> Classes = new()
    {
        [VJepa2] = new(ResizeFilter.Bilinear, [0.485f, 0.456f, 0.406f], [0.229f, 0.224f, 0.225f], Crops: true),
        [VideoMae] = new(ResizeFilter.Bilinear, [0.5f, 0.5f, 0.5f], [0.5f, 0.5f, 0.5f], Crops: true),
        [ViT] = new(ResizeFilter.Bilinear, [0.5f, 0.5f, 0.5f], [0.5f, 0.5f, 0.5f], Crops: false),
        ["Bit"] = Clip,
        ["CLIP"] = Clip,
    };

    private readonly string path, name;
    private readonly JsonElement root;
    private readonly ClassDefaults defaults;

    private HuggingFaceProcessor(string path, JsonElement root, bool clips)
    {
        (this.path, this.root) = (path, root);
        name = Class(clips);
        defaults = Classes[name];
    }

    /// <summary>What a class does where the file says nothing; one that crops takes a single size for the short
    /// side.</summary>
    private sealed record ClassDefaults(ResizeFilter Filter, float[] Mean, float[] Std, bool Crops);

    /// <summary>A folder's processor, in the order in which transformers looks for it; null where it has
    /// none.</summary>
    /// <exception cref="BadFileException">It is damaged.</exception>
    public static HuggingFaceProcessor? Find(string folder, bool clips)
    {
        string joint = Path.Combine(folder, "processor_config.json");
        if (File.Exists(joint)
            && HuggingFaceConfig.Parse(joint).TryGetProperty(clips ? "video_processor" : "image_processor", out JsonElement nested)
            && nested.ValueKind == JsonValueKind.Object)
            return new HuggingFaceProcessor(joint, nested, clips);
        string[] names = clips ? ["video_preprocessor_config.json", "preprocessor_config.json"] : ["preprocessor_config.json"];
        string? found = names.Select(name => Path.Combine(folder, name)).FirstOrDefault(File.Exists);
        return found is null ? null : new HuggingFaceProcessor(found, HuggingFaceConfig.Parse(found), clips);
    }

    /// <summary>A model's configuration with what the processor does.</summary>
    /// <exception cref="BadFileException">It does what this engine does not.</exception>
    public JepaConfig Apply(JepaConfig config)
    {
        RefuseOthers();
        bool resizes = Flag("do_resize", true), crops = Flag("do_center_crop", defaults.Crops);
        (int crop, _) = Edge("crop_size", config.ImageSize, isShort: false);
        // The class takes the short side from the crop, whatever the file says of it.
        (int edge, bool isShort) = name == VJepa2 ? ((int)(crop * 256L / 224), true)
            : Edge("size", config.ImageSize, isShort: !Flag("default_to_square", !defaults.Crops));
        string whose = TryGet("do_center_crop", out _) ? "" : " by default";
        Require(crops || !resizes || !isShort,
            $"do_center_crop is false{whose}, so that pictures keep their shape; the model sees squares");
        Require(!crops || !resizes || edge >= crop, $"crop_size {crop} is larger than size {edge}; "
            + $"pictures get no margins here");
        int size = crops ? crop : resizes ? edge : config.ImageSize;
        Require(size == config.ImageSize, $"{(crops ? "crop_size" : "size")} is {size}, but the model sees {config.ImageSize} pixels");
        // (x f - m) / s, of pixels in 0..255, is (x / 255 - m / 255 f) / (s / 255 f).
        double whole = Flag("do_rescale", true) ? 255 * Number("rescale_factor", 1 / 255.0) : 255;
        bool normalizes = Flag("do_normalize", true);
        return config with
        {
            PixelMean = normalizes ? Scaled(Channels("image_mean", defaults.Mean), whole) : [0, 0, 0],
            PixelStd = Scaled(normalizes ? Channels("image_std", defaults.Std) : [1, 1, 1], whole),
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

    /// <summary>The class that transformers would take; where the file names none, that of the model.</summary>
    private string Class(bool clips)
    {
        foreach (string key in clips ? ["video_processor_type", .. Types] : Types)
        {
            if (!TryGet(key, out JsonElement value) || value.ValueKind != JsonValueKind.String)
                continue;
            string type = value.GetString()!;
            string? known = Classes.Keys.FirstOrDefault(name => Endings.Any(ending => type == name + ending));
            Require(known is not null, $"{key} is {type}; what that does to pictures is not known here, but "
                + $"what those of {string.Join(", ", Classes.Keys)} do");
            // Of the classes for pictures these alone have a sister for clips.
            return clips && known is not (VJepa2 or VideoMae) ? VJepa2 : known!;
        }
        return clips ? VJepa2 : ViT;
    }

    private void RefuseOthers()
    {
        foreach (JsonProperty property in root.EnumerateObject())
        {
            (string key, JsonElement value) = (property.Name, property.Value);
            if (value.ValueKind is JsonValueKind.Null or JsonValueKind.False || Followed.Contains(key))
                continue;
            Require(!key.StartsWith("do_", StringComparison.Ordinal) && !Changing.Contains(key),
                $"{key} is {value.GetRawText()}; pictures are not changed so here");
        }
    }

    /// <summary>A square's edge, or with true that of the short side.</summary>
    private (int Edge, bool IsShort) Edge(string key, int missing, bool isShort)
    {
        if (!TryGet(key, out JsonElement value))
            return (missing, isShort);
        if (value.ValueKind == JsonValueKind.Object)
        {
            if (value.TryGetProperty("shortest_edge", out JsonElement shortest) && !value.TryGetProperty("longest_edge", out _))
                return (Whole(key, shortest), true);
            Require(value.TryGetProperty("height", out JsonElement height) & value.TryGetProperty("width", out JsonElement width),
                $"{key} is {value.GetRawText()}; it is a number, height and width, or shortest_edge");
            Require(Whole(key, height) == Whole(key, width), $"{key} is {height} x {width}; the model sees squares");
            return (Whole(key, height), false);
        }
        return (Whole(key, value), isShort);
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
            return defaults.Filter;
        string filter = value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number)
            && number >= 0 && number < Filters.Length
            ? Filters[number]
            : value.ToString();
        Require(filter is "bilinear" or "bicubic", $"resample is {value.GetRawText()} ({filter}); pictures are resized "
            + $"bilinear (2) or bicubic (3)");
        return filter == "bicubic" ? ResizeFilter.Bicubic : ResizeFilter.Bilinear;
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
