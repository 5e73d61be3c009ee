using System.Globalization;
using JepaEngine.IO;
using JepaEngine.Jepa.Models;
using JepaEngine.Jepa.Pictures;
using JepaEngine.Primitives;

namespace JepaEngine.Jepa.Checkpoints;

/// <summary>
/// Finds its way in Meta's files, which carry no configuration: prefixes from where the patch embedding stands, sizes from shapes. Head counts and, for rotary
/// models, the image size do not show in shapes; they come from the released models or from <see cref="LoadOptions"/>.
/// </summary>
internal sealed class OriginalFile
{
    private const string PatchEmbed = "patch_embed.proj.weight", PredictorEmbed = "predictor_embed.weight", LevelsEmbed = "predictor_embed.0.weight",
        Queries = "pooler.query_tokens";

    /// <summary>In the order in which one is chosen: the papers evaluate the target encoder.</summary>
    private static readonly string[] Encoders = ["target_encoder", "ema_encoder", "encoder"];

    private readonly TensorFile file;
    private readonly LoadOptions options;
    private readonly string encoder, predictor;

    /// <summary>Looks for an encoder.</summary>
    /// <exception cref="BadFileException">The encoder asked for is not there.</exception>
    public OriginalFile(TensorFile file, LoadOptions options)
    {
        this.file = file;
        this.options = options;
        string[] prefixes = [.. Prefixes(file, PatchEmbed)];
        Offered = [.. prefixes.Select(Name).OfType<string>().Order(StringComparer.Ordinal)];
        string? chosen = options.Encoder ?? Encoders.FirstOrDefault(name => prefixes.Any(p => Name(p) == name));
        if (options.Encoder is not null && !Offered.Contains(options.Encoder))
        {
            string offered = Offered.Count == 0 ? "one encoder without a name" : string.Join(" and ", Offered);
            throw new BadFileException(file.Path, $"it has no {options.Encoder}; it has {offered}");
        }
        encoder = prefixes.FirstOrDefault(p => Name(p) == chosen) ?? prefixes.FirstOrDefault() ?? "";
        Encoder = prefixes.Length == 0 ? null : Name(encoder);
        predictor = Prefixes(file, PredictorEmbed).Concat(Prefixes(file, LevelsEmbed)).FirstOrDefault() ?? "";
        Found = prefixes.Length > 0;
    }

    /// <summary>Whether there is an encoder at all.</summary>
    public bool Found { get; }

    /// <summary>The chosen one's name; null where the file has one without a name.</summary>
    public string? Encoder { get; }

    /// <summary>All that could be chosen.</summary>
    public IReadOnlyList<string> Offered { get; }

    /// <summary>How the file names the model's parameters.</summary>
    public KeyMap Keys(JepaConfig config) => KeyMaps.Original(config, encoder, predictor);

    /// <summary>Whether a tensor is part of the chosen encoder or the predictor.</summary>
    public bool IsPart(string key, JepaConfig config) => Under(key, encoder) && (encoder.Length > 0 || !key.StartsWith("predictor", StringComparison.Ordinal))
        || (config.Predictor is not null && Under(key, predictor));

    /// <summary>
    /// Whether a tensor of those parts is of no use: rotary models have tables of positions that nothing reads, 2-AC an encoder of camera poses.
    /// </summary>
    public static bool IsIdle(string key, JepaConfig config) => key.Contains("extrinsics_encoder.", StringComparison.Ordinal)
        || (config.Family is not (JepaFamily.IJepa or JepaFamily.VJepa) && key.EndsWith("pos_embed", StringComparison.Ordinal));

    /// <summary>The sizes.</summary>
    /// <exception cref="BadFileException">Shapes and options do not tell them.</exception>
    public JepaConfig Config()
    {
        Shape patch = Shape(encoder + PatchEmbed);
        bool clips = patch.Rank == 5;
        bool predicts = Has(predictor + PredictorEmbed) || Has(predictor + LevelsEmbed);
        JepaFamily family = Family(clips, predicts);
        if (patch.Rank is not (4 or 5) || patch[1] != 3 || patch[^1] != patch[^2])
        {
            throw new BadFileException(file.Path,
                $"'{encoder}{PatchEmbed}' is {patch}; [width, 3, patch, patch] or [width, 3, tubelet, patch, patch] is known");
        }
        VitSize size = Blocks(encoder + "blocks.", patch[0], options.Heads ?? Heads(family, patch[0]), "heads");
        int tubelet = clips ? patch[2] : 1;
        (int imageSize, int frames) = Extent(family, patch[^1], tubelet);
        var config = new JepaConfig
        {
            Family = family,
            Encoder = size,
            ImageSize = imageSize,
            Patch = patch[^1],
            Frames = frames,
            Tubelet = tubelet,
            Levels = family == JepaFamily.VJepa21 ? options.Levels ?? Levels(size.Depth) : [],
            PredictsFromLevels = Has(predictor + LevelsEmbed),
            TargetWidth = size.Width,
            Framing = family == JepaFamily.VJepa2Ac ? Framing.SquareThenResize : Framing.ShortSideThenCrop,
        };
        return predicts ? WithPredictor(config) : config;
    }

    /// <summary>The classifier of a file of Meta's evaluations.</summary>
    /// <exception cref="BadFileException">There is none.</exception>
    public static (ProbeConfig Config, KeyMap Keys) Probe(TensorFile file, LoadOptions options)
    {
        string prefix = Prefixes(file, Queries).FirstOrDefault()
            ?? throw new BadFileException(file.Path,
                $"it has no '{Queries}', so it is no attentive probe; nearest is '{Nearest.Of(Queries, file.Entries.Keys)}'");
        var reader = new OriginalFile(file, options);
        Shape queries = reader.Shape(prefix + Queries);
        // EK100's evaluation may have the actions' head alone.
        string[] heads = queries[1] == 3 ? ["verb_classifier", "noun_classifier", "action_classifier"]
            : [reader.Has(prefix + "action_classifier.weight") ? "action_classifier" : "linear"];
        var config = new ProbeConfig
        {
            Size = new VitSize(queries[^1], reader.Depth(prefix + "pooler.blocks."), options.ProbeHeads,
                reader.Shape(prefix + "pooler.cross_attention_block.mlp.fc1.weight")[0]),
            Classes = [.. heads.Select(head => reader.Shape($"{prefix}{head}.weight")[0])],
        };
        return (config, KeyMaps.OriginalProbe(prefix, heads));
    }

    private JepaConfig WithPredictor(JepaConfig config)
    {
        int width = Shape(predictor + "predictor_norm.weight")[0];
        int? heads = config.Family switch
        {
            JepaFamily.IJepa or JepaFamily.VJepa => width == 384 ? config.Encoder.Heads : null,
            JepaFamily.VJepa2Ac => width == 1024 ? 16 : null,
            _ => width == 384 ? 12 : null,
        };
        return config with
        {
            Predictor = Blocks(predictor + "predictor_blocks.", width, options.PredictorHeads ?? heads, "predictor heads"),
            MaskTokens = Math.Max(1, Depth(predictor + "mask_tokens.")),
            TargetWidth = Shape(predictor + "predictor_proj.weight")[0],
            ActionWidth = config.Family == JepaFamily.VJepa2Ac ? Shape(predictor + "action_encoder.weight")[1] : 7,
        };
    }

    /// <summary>
    /// What tells the families apart: 2-AC has an action encoder, 2.1 norms of levels, pictures patches without time, V-JEPA 1 two mask tokens (V-JEPA 2: ten).
    /// </summary>
    private JepaFamily Family(bool clips, bool predicts)
    {
        if (options.Family is { } family)
            return family;
        if (!clips)
            return JepaFamily.IJepa;
        if (Has(encoder + "norms_block.0.weight"))
            return JepaFamily.VJepa21;
        if (Has(predictor + "action_encoder.weight"))
            return JepaFamily.VJepa2Ac;
        if (predicts && Depth(predictor + "mask_tokens.") > 0)
            return Depth(predictor + "mask_tokens.") <= 2 && Has(predictor + "predictor_pos_embed") ? JepaFamily.VJepa : JepaFamily.VJepa2;
        return Has(encoder + "pos_embed")
            ? throw new BadFileException(file.Path, "an encoder of clips without its predictor may be V-JEPA or V-JEPA 2; say which (--family)")
            : JepaFamily.VJepa2;
    }

    /// <summary>
    /// Image size and frames: from the table of positions where a model reads it. A rotary model's is idle and may be of any size; it is believed only where it
    /// tells one released size from the other.
    /// </summary>
    private (int ImageSize, int Frames) Extent(JepaFamily family, int patch, int tubelet)
    {
        int released = family switch { JepaFamily.IJepa => 1, JepaFamily.VJepa => 16, _ => 64 }, times = Math.Max(1, released / tubelet);
        int tokens = file.Entries.TryGetValue(encoder + "pos_embed", out TensorEntry? table) && table.Shape.Rank == 3 ? table.Shape[1] : 0;
        int side = options.ImageSize is { } given ? given / patch : (int)Math.Round(Math.Sqrt(tokens / (double)times));
        if (family is not (JepaFamily.IJepa or JepaFamily.VJepa))
        {
            bool told = tokens == times * side * side && side * patch is 256 or 384;
            return (options.ImageSize ?? (told ? side * patch : family == JepaFamily.VJepa21 ? 384 : 256), released);
        }
        if (side == 0 || tokens % (side * side) != 0 || (options.ImageSize is null && tokens != times * side * side))
        {
            throw new BadFileException(file.Path, $"{tokens} positions are no square grid{(times > 1 ? $" of {times} tubelets" : "")}; "
                + "say how large the pictures are (--image-size)");
        }
        return (side * patch, Math.Max(1, tokens / (side * side) * tubelet));
    }

    private VitSize Blocks(string prefix, int width, int? heads, string what)
    {
        int depth = Depth(prefix);
        if (depth == 0)
            throw new BadFileException(file.Path, $"it has no '{prefix}0'; nearest is '{Nearest.Of(prefix + "0", file.Entries.Keys)}'");
        if (heads is null)
        {
            throw new BadFileException(file.Path,
                $"no released model is {width} wide, and shapes do not tell the number of {what}; say it (--{what.Replace(' ', '-')})");
        }
        return new VitSize(width, depth, heads.Value, Shape(prefix + "0.mlp.fc1.weight")[0]);
    }

    private static int? Heads(JepaFamily family, int width) => (family, width) switch
    {
        (_, 192) => 3,
        (_, 384) => 6,
        (_, 768) => 12,
        (_, 1024 or 1280) => 16,
        (JepaFamily.IJepa, 1408) => VitSize.Giant.Heads,
        (_, 1408) => VitSize.GiantXformers.Heads,
        (_, 1664) => VitSize.Gigantic.Heads,
        _ => null,
    };

    /// <summary>Four levels, evenly spaced; ViT-G's third is two blocks later.</summary>
    private static int[] Levels(int depth) => depth == VitSize.Gigantic.Depth
        ? VJepa21.Gigantic384.Levels
        : [.. Enumerable.Range(1, 4).Select(i => depth * i / 4 - 1).Distinct().Where(i => i >= 0)];

    /// <summary>One more than the largest number that stands after a prefix.</summary>
    private int Depth(string prefix) => file.Entries.Keys.Where(key => key.StartsWith(prefix, StringComparison.Ordinal))
        .Select(key => key[prefix.Length..].Split('.')[0])
        .Max(number => int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out int i) && i < 1024 ? i + 1 : (int?)null) ?? 0;

    private Shape Shape(string key) => file.Entries.TryGetValue(key, out TensorEntry? entry) && entry.Shape.Rank > 0
        ? entry.Shape
        : throw new BadFileException(file.Path, $"it has no '{key}'; nearest is '{Nearest.Of(key, file.Entries.Keys)}'");

    private bool Has(string key) => file.Entries.ContainsKey(key);

    private static bool Under(string key, string prefix) => key.StartsWith(prefix, StringComparison.Ordinal);

    private static IEnumerable<string> Prefixes(TensorFile file, string ending) => file.Entries.Keys
        .Where(key => key.EndsWith(ending, StringComparison.Ordinal) && (key.Length == ending.Length || key[^(ending.Length + 1)] == '.'))
        .Select(key => key[..^ending.Length]).Order(StringComparer.Ordinal);

    private static string? Name(string prefix) => Encoders.FirstOrDefault(name => prefix.StartsWith(name + ".", StringComparison.Ordinal));
}
