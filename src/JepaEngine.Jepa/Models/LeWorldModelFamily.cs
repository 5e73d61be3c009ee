using System.Text.Json;

namespace JepaEngine.Jepa.Models;

/// <summary>LeWorldModel (arXiv 2603.19312): files of training runs, and the published folders of weights.pt and a
/// Hydra config.json (quentinll/lewm-*). There shapes tell all but how many heads there are and the dropout rate; those
/// stand in config.json, or are the published model's.</summary>
internal sealed class LeWorldModelFamily : JepaFamily
{
    private const string Config = "config", Slots = "predictor.pos_embedding",
        Projection = "encoder.embeddings.patch_embeddings.projection.weight";

    /// <summary>Width of the encoder's heads in transformers' named sizes (tiny: 192 = 3 x 64), and of the predictor's
    /// by default.</summary>
    private const int HeadWidth = 64;

    public LeWorldModelFamily() : base("LeWorldModel", "lewm", Sight.Frames)
    {
        PixelInputs = ["pixels", "goal"];
    }

    public override IReadOnlyList<(string Name, IModelConfig Config)> Released =>
        [("LeWorldModel ViT-Ti/14 224", LeWorldModelConfig.Published)];

    public override JepaModel Create(IModelConfig config) => new LeWorldModel((LeWorldModelConfig)config);

    /// <summary>The published one, for actions of any width.</summary>
    public override string? ReleasedName(IModelConfig config)
    {
        LeWorldModelConfig known = LeWorldModelConfig.Published;
        LeWorldModelConfig sizes = (LeWorldModelConfig)config with
        {
            ActionWidth = known.ActionWidth,
            ActionSmoothed = known.ActionSmoothed,
            EncoderInit = known.EncoderInit,
            PredictorPositionStd = known.PredictorPositionStd,
            Dropout = known.Dropout,
            PixelMean = known.PixelMean,
            PixelStd = known.PixelStd,
            ActionScale = known.ActionScale,
        };
        return sizes == known ? Released[0].Name : null;
    }

    public override bool Recognises(TensorFile file, LoadOptions options) => file.Metadata.ContainsKey(Config)
        || (file.Entries.ContainsKey(Projection) && file.Entries.ContainsKey(Slots));

    public override ModelContents Read(TensorFile file, LoadOptions options)
    {
        var none = new LoadOptions();
        if (options with { Mapped = none.Mapped } != none)
            throw new ArgumentException(
                "a LeWorldModel's file tells everything; leave --encoder, --family, --heads, --image-size, --probe and their like out");
        if (file.Metadata.TryGetValue(Config, out string? json))
        {
            var config = StrictJson.Read(json, file.Path, LeWorldModelConfig.Published, ConfigJson.Default.LeWorldModelConfig);
            return new ModelContents(ModelLayout.JepaEngine, config, KeyMap.Own) { IsPart = JepaFormat.IsModel };
        }
        bool version5 = IsVersion5(file.Entries.Keys);
        return new ModelContents(ModelLayout.Original, Sizes(file, version5), Published(version5))
        {
            // BatchNorm's counter, which only a momentum of null would read.
            IsIdle = key => key.EndsWith(".num_batches_tracked", StringComparison.Ordinal),
        };
    }

    public override KeyMap Keys(IModelConfig config, ModelLayout layout) =>
        layout == ModelLayout.Original ? Published(version5: false) : base.Keys(config, layout);

    public override Dictionary<string, string> Metadata(IModelConfig config) => new()
    {
        [Config] = JsonSerializer.Serialize((LeWorldModelConfig)config, ConfigJson.Default.LeWorldModelConfig),
    };

    public override IEnumerable<ModelFact> Facts(IModelConfig config)
    {
        var sizes = (LeWorldModelConfig)config;
        ModelFact input = Input(config);
        return
        [
            Blocks("encoder", config.Encoder),
            new ModelFact("predictor", $"{sizes.EmbeddingWidth} wide, {sizes.PredictorDepth} {(sizes.PredictorDepth == 1 ? "block" : "blocks")}, "
                + $"{sizes.PredictorHeads} heads of {sizes.PredictorHeadWidth}, MLP {sizes.PredictorMlp}, "
                + $"{sizes.History} {(sizes.History == 1 ? "frame" : "frames")} of history"),
            new ModelFact("input", $"{input.Text}, actions of {sizes.ActionWidth} numbers",
                [.. input.Numbers, ("action", sizes.ActionWidth), ("history", sizes.History)]),
        ];
    }

    /// <summary>Whether a state dict has the spelling of transformers 5.</summary>
    internal static bool IsVersion5(IEnumerable<string> keys) =>
        keys.Any(key => key.StartsWith(Renamed[0].Version5, StringComparison.Ordinal));

    /// <summary>The published names, whose encoder is transformers' ViTModel: as version 4 spells it in the files that
    /// are out, or as version 5 does in files written since.</summary>
    internal static KeyMap Published(bool version5) => new(Map.Select(pair => (pair.Ours, version5 ? Spelled(pair.Published) : pair.Published)))
    {
        // The first layer of the action encoder is published as a convolution with a kernel of 1.
        Written = (key, shape) => key == "action_encoder.patch_embed.weight" ? [shape[0], shape[1], 1] : shape,
    };

    private static string Spelled(string names) => string.Join(" + ", names.Split(" + ").Select(name =>
        name.StartsWith(Renamed[0].Version4, StringComparison.Ordinal)
            ? Renamed.Aggregate(name + ".", (spelled, rename) => spelled.Replace(rename.Version4, rename.Version5))[..^1]
            : name));

    private static readonly (string Ours, string Published)[] Map =
    [
        ("encoder.class_token", "encoder.embeddings.cls_token"),
        ("encoder.positions", "encoder.embeddings.position_embeddings"),
        ("encoder.patch_embed", "encoder.embeddings.patch_embeddings.projection"),
        ("encoder.blocks.*.norm1", "encoder.encoder.layer.*.layernorm_before"),
        ("encoder.blocks.*.qkv", "encoder.encoder.layer.*.attention.attention.query + encoder.encoder.layer.*.attention.attention.key"
            + " + encoder.encoder.layer.*.attention.attention.value"),
        ("encoder.blocks.*.projection", "encoder.encoder.layer.*.attention.output.dense"),
        ("encoder.blocks.*.norm2", "encoder.encoder.layer.*.layernorm_after"),
        ("encoder.blocks.*.mlp.fc1", "encoder.encoder.layer.*.intermediate.dense"),
        ("encoder.blocks.*.mlp.fc2", "encoder.encoder.layer.*.output.dense"),
        ("encoder.norm", "encoder.layernorm"),
        ("projector.first", "projector.net.0"),
        ("projector.norm", "projector.net.1"),
        ("projector.second", "projector.net.3"),
        ("action_encoder.smooth", "action_encoder.patch_embed"),
        ("action_encoder.hidden", "action_encoder.embed.0"),
        ("action_encoder.output", "action_encoder.embed.2"),
        ("predictor.positions", "predictor.pos_embedding"),
        ("predictor.blocks.*.attention_norm", "predictor.transformer.layers.*.attn.norm"),
        ("predictor.blocks.*.qkv", "predictor.transformer.layers.*.attn.to_qkv"),
        ("predictor.blocks.*.projection", "predictor.transformer.layers.*.attn.to_out.0"),
        ("predictor.blocks.*.mlp_norm", "predictor.transformer.layers.*.mlp.net.0"),
        ("predictor.blocks.*.fc1", "predictor.transformer.layers.*.mlp.net.1"),
        ("predictor.blocks.*.fc2", "predictor.transformer.layers.*.mlp.net.4"),
        ("predictor.blocks.*.modulation", "predictor.transformer.layers.*.adaLN_modulation.1"),
        ("predictor.norm", "predictor.transformer.norm"),
        ("prediction_projector.first", "pred_proj.net.0"),
        ("prediction_projector.norm", "pred_proj.net.1"),
        ("prediction_projector.second", "pred_proj.net.3"),
    ];

    /// <summary>What transformers 5 calls otherwise.</summary>
    private static readonly (string Version4, string Version5)[] Renamed =
    [
        ("encoder.encoder.layer.", "encoder.layers."),
        (".attention.attention.query.", ".attention.q_proj."),
        (".attention.attention.key.", ".attention.k_proj."),
        (".attention.attention.value.", ".attention.v_proj."),
        (".attention.output.dense.", ".attention.o_proj."),
        (".intermediate.dense.", ".mlp.fc1."),
        (".output.dense.", ".mlp.fc2."),
    ];

    /// <summary>The sizes of a published state dict.</summary>
    private static LeWorldModelConfig Sizes(TensorFile file, bool version5)
    {
        string path = HuggingFaceConfig.Beside(file);
        JsonElement? json = File.Exists(path) ? HuggingFaceConfig.Parse(path) : null;
        int width = Dimension(Projection, 0), patch = Dimension(Projection, 2), tokens = Dimension("encoder.embeddings.position_embeddings", 1) - 1;
        int grid = (int)Math.Round(Math.Sqrt(tokens)), headWidth = Setting("predictor", "dim_head", HeadWidth);
        const string layer = "predictor.transformer.layers.";
        return new LeWorldModelConfig
        {
            ImageSize = grid * patch,
            Patch = patch,
            EncoderWidth = width,
            EncoderDepth = Depth(version5 ? "encoder.layers." : "encoder.encoder.layer."),
            EncoderHeads = Setting("encoder", "num_attention_heads", Math.Max(1, width / HeadWidth)),
            EncoderMlp = Dimension(version5 ? "encoder.layers.0.mlp.fc1.weight" : "encoder.encoder.layer.0.intermediate.dense.weight", 0),
            EmbeddingWidth = Dimension("projector.net.3.weight", 0),
            ProjectorHidden = Dimension("projector.net.0.weight", 0),
            ActionWidth = Dimension("action_encoder.patch_embed.weight", 1),
            ActionSmoothed = Dimension("action_encoder.patch_embed.weight", 0),
            ActionHidden = Dimension("action_encoder.embed.0.weight", 0),
            History = Dimension(Slots, 1),
            PredictorDepth = Depth(layer),
            PredictorHeads = Setting("predictor", "heads", Dimension(layer + "0.attn.to_qkv.weight", 0) / 3 / headWidth),
            PredictorHeadWidth = headWidth,
            PredictorMlp = Dimension(layer + "0.mlp.net.1.weight", 0),
            Dropout = Find("predictor", "dropout") is { } dropout
                ? dropout.ValueKind == JsonValueKind.Number ? dropout.GetDouble() : throw Refused("predictor.dropout", dropout, "a number")
                : LeWorldModelConfig.Published.Dropout,
        };

        int Dimension(string key, int axis) => file.Entries.TryGetValue(key, out TensorEntry? entry) && entry.Shape.Rank > axis
            ? entry.Shape[axis]
            : throw file.Lacks(key);

        int Depth(string prefix) => Enumerable.Range(0, 1024)
            .TakeWhile(i => file.Entries.Keys.Any(key => key.StartsWith($"{prefix}{i}.", StringComparison.Ordinal))).Count();

        int Setting(string part, string key, int missing) => Find(part, key) is not { } value
            ? missing
            : value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) && number > 0
                ? number
                : throw Refused($"{part}.{key}", value, "a whole number of 1 or more");

        JsonElement? Find(string part, string key) => json is { } root && root.TryGetProperty(part, out JsonElement tree)
            && tree.ValueKind == JsonValueKind.Object && tree.TryGetProperty(key, out JsonElement value) ? value : null;

        BadFileException Refused(string key, JsonElement value, string needed) => new(path, $"{key} is {value.GetRawText()}; it is {needed}");
    }
}
