using System.Text.Json.Nodes;
using JepaEngine.Jepa.Pictures;

namespace JepaEngine.Jepa.Models;

/// <summary>I-JEPA (arXiv 2301.08243): Meta's files and transformers' IJepaModel.</summary>
internal sealed class IJepaFamily : MetaFamily
{
    /// <summary>What stands before the names where a classifier is on top, and what of it is none of ours.</summary>
    private const string Prefix = "ijepa.";

    private static readonly string[] Idle = ["classifier.", "pooler.", "ijepa.pooler."];

    public IJepaFamily() : base("I-JEPA", "ijepa", Sight.Picture)
    {
        (Context, HuggingFaceType, ReleasedFrames) = (ContextView.Visible, "ijepa", 1);
    }

    public override IReadOnlyList<(string Name, IModelConfig Config)> Released =>
    [
        ("I-JEPA ViT-H/14 224", IJepa.Huge14),
        ("I-JEPA ViT-H/16 448", IJepa.Huge16),
        ("I-JEPA ViT-g/16 224", IJepa.Giant16),
    ];

    public override JepaModel Create(IModelConfig config) => new IJepa((JepaConfig)config);

    public override KeyMap Keys(IModelConfig config, ModelLayout layout) =>
        layout == ModelLayout.HuggingFace ? HuggingFace("") : base.Keys(config, layout);

    public override JsonObject HuggingFaceJson(IModelConfig config)
    {
        JsonObject json = MetaKeys.HuggingFaceJson((JepaConfig)config, "IJepaModel");
        json["intermediate_size"] = config.Encoder.Mlp;
        return json;
    }

    private protected override bool IsOriginal(OriginalFile file) => !file.Clips;

    private protected override int? Heads(int width) =>
        width == VitSize.Giant.Width ? VitSize.Giant.Heads : base.Heads(width);

    private protected override int? PredictorHeads(JepaConfig config, int width) =>
        width == 384 ? config.Encoder.Heads : null;

    internal override ModelContents Read(HuggingFaceConfig json, TensorFile weights)
    {
        json.Expect("num_channels", 3);
        json.CheckBlocks();
        int width = json.Integer("hidden_size", 768);
        JepaConfig config = json.Finish(new JepaConfig
        {
            Family = this,
            Encoder = new VitSize(width, json.Integer("num_hidden_layers", 12), json.Integer("num_attention_heads", 12),
                json.Integer("intermediate_size", 3072)),
            ImageSize = json.Integer("image_size", 224),
            Patch = json.Integer("patch_size", 16),
            Frames = 1,
            Tubelet = 1,
            Epsilon = json.Number("layer_norm_eps", 1e-12),
            TargetWidth = width,
            // The processor shipped with the folders (ViTImageProcessor) stretches and, by default, has statistics of
            // its own.
            Framing = Framing.Stretch,
            PixelMean = [0.5f, 0.5f, 0.5f],
            PixelStd = [0.5f, 0.5f, 0.5f],
        });
        return new ModelContents(ModelLayout.HuggingFace, config, HuggingFace(MetaKeys.Prefix(weights, Prefix)))
        {
            IsIdle = key => Idle.Any(part => key.StartsWith(part, StringComparison.Ordinal))
                || key.EndsWith("embeddings.mask_token", StringComparison.Ordinal),
        };
    }

    private static KeyMap HuggingFace(string prefix) => new(
    [
        ("encoder.patch_embed", $"{prefix}embeddings.patch_embeddings.projection"),
        ("encoder.positions", $"{prefix}embeddings.position_embeddings"),
        .. MetaKeys.Stack("encoder.blocks.*.", $"{prefix}encoder.layer.*.", "layernorm_before", "attention.attention.query", "attention.attention.key",
            "attention.attention.value", "attention.output.dense", "layernorm_after", "intermediate.dense", "output.dense"),
        ("encoder.norm", $"{prefix}layernorm"),
    ]);
}
