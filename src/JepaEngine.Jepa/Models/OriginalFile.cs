namespace JepaEngine.Jepa.Models;

/// <summary>Finds its way in Meta's files, which carry no configuration: prefixes from where the patch embedding
/// stands, sizes from shapes. What does not show in shapes a family knows of its released models, or
/// <see cref="LoadOptions"/> tell it.</summary>
internal sealed class OriginalFile
{
    private const string PatchEmbed = "patch_embed.proj.weight", PredictorEmbed = "predictor_embed.weight", LevelsEmbed = "predictor_embed.0.weight",
        Queries = "pooler.query_tokens";

    /// <summary>In the order in which one is chosen: the papers evaluate the target encoder.</summary>
    private static readonly string[] Encoders = ["target_encoder", "ema_encoder", "encoder"];

    private readonly TensorFile file;
    private readonly string encoder, predictor;
    private readonly Dictionary<string, string?> names;

    /// <summary>Looks for an encoder.</summary>
    /// <exception cref="BadFileException">The encoder asked for is not there, or which is meant nobody can
    /// tell.</exception>
    public OriginalFile(TensorFile file, LoadOptions options)
    {
        this.file = file;
        Options = options;
        string[] prefixes = [.. Prefixes(file, PatchEmbed)];
        names = prefixes.ToDictionary(prefix => prefix, prefix => Name(prefix, prefixes));
        Offered = [.. names.Values.OfType<string>().Order(StringComparer.Ordinal)];
        Found = prefixes.Length > 0;
        encoder = Found ? Choose(prefixes) : "";
        Encoder = names.GetValueOrDefault(encoder);
        predictor = PredictorOf(encoder);
    }

    /// <summary>Whether there is an encoder at all.</summary>
    public bool Found { get; }

    /// <summary>The chosen one's name; null where the file has one without a name.</summary>
    public string? Encoder { get; }

    /// <summary>All that could be chosen.</summary>
    public IReadOnlyList<string> Offered { get; }

    /// <summary>How the file names the model's parameters.</summary>
    public KeyMap Keys(JepaConfig config) => MetaKeys.Original(config, encoder, predictor);

    /// <summary>Whether a tensor is part of the chosen encoder or the predictor.</summary>
    public bool IsPart(string key, JepaConfig config) => Under(key, encoder) && (encoder.Length > 0 || !key.StartsWith("predictor", StringComparison.Ordinal))
        || (config.Predictor is not null && Under(key, predictor));

    /// <summary>What the caller told of the file.</summary>
    public LoadOptions Options { get; }

    /// <summary>For messages.</summary>
    public string Path => file.Path;

    /// <summary>Whether the encoder sees clips: its patches have a third dimension, time.</summary>
    public bool Clips => Shape(encoder + PatchEmbed).Rank == 5;

    /// <summary>The patch embedding's shape, [D, 3, patch, patch] or [D, 3, tubelet, patch, patch].</summary>
    /// <exception cref="BadFileException">It has another.</exception>
    public Shape Patch =>
        Shape(encoder + PatchEmbed) is var patch && patch.Rank is 4 or 5 && patch[1] == 3 && patch[^1] == patch[^2]
        ? patch
        : throw new BadFileException(Path,
            $"'{encoder}{PatchEmbed}' is {patch}; [width, 3, patch, patch] or [width, 3, tubelet, patch, patch] is known");

    /// <summary>Whether there is a predictor.</summary>
    public bool Predicts => Has(predictor + PredictorEmbed) || PredictsFromLevels;

    /// <summary>Whether the predictor reads several levels of the encoder.</summary>
    public bool PredictsFromLevels => Has(predictor + LevelsEmbed);

    /// <summary>Rows of the table of positions; 0 where there is none.</summary>
    public int Positions => file.Entries.TryGetValue(encoder + "pos_embed", out TensorEntry? table) && table.Shape.Rank == 3 ? table.Shape[1] : 0;

    /// <summary>Number of learned mask tokens.</summary>
    public int MaskTokens => Depth(predictor + "mask_tokens.");

    /// <summary>Whether the encoder has a tensor.</summary>
    public bool EncoderHas(string key) => Has(encoder + key);

    /// <summary>Whether the predictor has a tensor.</summary>
    public bool PredictorHas(string key) => Has(predictor + key);

    /// <summary>A tensor of the predictor.</summary>
    public Shape PredictorShape(string key) => Shape(predictor + key);

    /// <summary>The encoder's blocks.</summary>
    public VitSize Blocks(string prefix, int width, int? heads) => Blocks(encoder + prefix, width, heads, "heads");

    /// <summary>The predictor's blocks.</summary>
    public VitSize PredictorBlocks(string prefix, int width, int? heads) =>
        Blocks(predictor + prefix, width, heads, "predictor heads");

    /// <summary>The classifier of a file of Meta's evaluations.</summary>
    /// <exception cref="BadFileException">There is none.</exception>
    public static (ProbeConfig Config, KeyMap Keys) Probe(TensorFile file, LoadOptions options)
    {
        string prefix = Prefixes(file, Queries).FirstOrDefault()
            ?? throw new BadFileException(file.Path,
                $"it has no '{Queries}', so it is no attentive probe; nearest is '{Nearest.Of(Queries, file.Entries.Keys)}'");
        var reader = new OriginalFile(file, options with { Encoder = null });
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
        return (config, MetaKeys.OriginalProbe(prefix, heads));
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

    /// <summary>One more than the largest number that stands after a prefix.</summary>
    private int Depth(string prefix) => file.Entries.Keys.Where(key => key.StartsWith(prefix, StringComparison.Ordinal))
        .Select(key => key[prefix.Length..].Split('.')[0])
        .Max(number => int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out int i) && i < 1024 ? i + 1 : (int?)null) ?? 0;

    private Shape Shape(string key) => file.Entries.TryGetValue(key, out TensorEntry? entry) && entry.Shape.Rank > 0
        ? entry.Shape
        : throw file.Lacks(key);

    private bool Has(string key) => file.Entries.ContainsKey(key);

    private static bool Under(string key, string prefix) => key.StartsWith(prefix, StringComparison.Ordinal);

    private static IEnumerable<string> Prefixes(TensorFile file, string ending) => file.Entries.Keys
        .Where(key => key.EndsWith(ending, StringComparison.Ordinal) && (key.Length == ending.Length || key[^(ending.Length + 1)] == '.'))
        .Select(key => key[..^ending.Length]).Order(StringComparer.Ordinal);

    /// <summary>What an encoder is called: the word that the papers have for it, wherever it stands in the prefix; all
    /// of the prefix where that tells no two apart; nothing where the only one has none.</summary>
    private static string? Name(string prefix, string[] prefixes) =>
        Word(prefix) is { } word && prefixes.Count(other => Word(other) == word) == 1 ? word
        : prefixes.Length > 1 && prefix.Length > 0 ? prefix[..^1]
        : Word(prefix);

    private static string? Word(string prefix) => Encoders.FirstOrDefault(prefix.Split('.').Contains);

    private string Choose(string[] prefixes)
    {
        if (Options.Encoder is { } asked)
            return prefixes.FirstOrDefault(prefix => names[prefix] == asked)
                ?? throw new BadFileException(Path, $"it has no {asked}; it has "
                    + (Offered.Count == 0 ? "one encoder without a name" : string.Join(" and ", Offered)));
        string? word = Encoders.FirstOrDefault(encoder => prefixes.Any(prefix => Word(prefix) == encoder));
        string[] meant = [.. prefixes.Where(prefix => Word(prefix) == word)];
        IEnumerable<string> several = meant.Select(prefix => names[prefix] ?? "one without a name").Take(8);
        return meant.Length == 1 ? meant[0] : throw new BadFileException(Path,
            $"it has several encoders, {string.Join(" and ", several)}; say which (--encoder)");
    }

    /// <summary>The predictor that stands beside the encoder, where there are several.</summary>
    private string PredictorOf(string encoder)
    {
        string[] found = Prefixes(file, PredictorEmbed).Concat(Prefixes(file, LevelsEmbed))
            .GroupBy(prefix => prefix.AsSpan().CommonPrefixLength(encoder)).MaxBy(group => group.Key)?.ToArray() ?? [];
        return found.Length <= 1 ? found.FirstOrDefault() ?? "" : throw new BadFileException(Path,
            $"it has several predictors, '{found[0]}' and '{found[1]}'; keep one of them");
    }
}
