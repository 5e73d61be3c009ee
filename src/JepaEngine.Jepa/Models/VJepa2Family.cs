using System.Text.Json.Nodes;

namespace JepaEngine.Jepa.Models;

/// <summary>V-JEPA 2 (arXiv 2506.09985): Meta's files and transformers' VJEPA2Model and
/// VJEPA2ForVideoClassification.</summary>
internal sealed class VJepa2Family : MetaFamily
{
    public VJepa2Family() : base("V-JEPA 2", "vjepa2")
    {
        // As transformers: the encoder sees the whole clip, and the context is gathered from its output.
        (Context, HasMaskTokens, HuggingFaceType) = (ContextView.Whole, true, "vjepa2");
    }

    public override IReadOnlyList<(string Name, IModelConfig Config)> Released =>
    [
        ("V-JEPA 2 ViT-L/16 256", VJepa2.Large256),
        ("V-JEPA 2 ViT-H/16 256", VJepa2.Huge256),
        ("V-JEPA 2 ViT-g/16 256", VJepa2.Giant256),
        ("V-JEPA 2 ViT-g/16 384", VJepa2.Giant384),
    ];

    public override JepaModel Create(IModelConfig config) => new VJepa2((JepaConfig)config);

    public override KeyMap Keys(IModelConfig config, ModelLayout layout) => layout == ModelLayout.HuggingFace
        ? HuggingFace((JepaConfig)config, config.Probe is null ? "" : "vjepa2.")
        : base.Keys(config, layout);

    /// <summary>Its ten mask tokens (V-JEPA 1: two) tell it; an encoder alone may be of either.</summary>
    private protected override bool IsOriginal(OriginalFile file) =>
        file.Clips && !VJepa21Family.Has(file) && !VJepa2AcFamily.Has(file)
        && (file.MaskTokens == 0 || !VJepaFamily.Has(file));

    internal override ModelContents Read(HuggingFaceConfig json, TensorFile weights)
    {
        json.Expect("in_chans", 3);
        json.CheckBlocks();
        int width = json.Integer("hidden_size", 1024), heads = json.Integer("num_attention_heads", 16), predictor = json.Integer("pred_hidden_size", 384);
        double eps = json.Number("layer_norm_eps", 1e-6);
        bool classifies = weights.Entries.TryGetValue("classifier.weight", out TensorEntry? classifier) && classifier.Shape.Rank == 2;
        if (!classifies && json.IsOf("ForVideoClassification"))
            throw json.Refused("it promises a classifier, and the weights beside it have none; take the folder's own weights");
        JepaConfig config = json.Finish(new JepaConfig
        {
            Family = this,
            Encoder = new VitSize(width, json.Integer("num_hidden_layers", 24), heads, (int)(width * json.Number("mlp_ratio", 4))),
            Predictor = weights.Entries.Keys.Any(key => key.EndsWith("predictor.layernorm.weight", StringComparison.Ordinal))
                ? new VitSize(predictor, json.Integer("pred_num_hidden_layers", 12), json.Integer("pred_num_attention_heads", 12),
                    (int)(predictor * json.Number("pred_mlp_ratio", 4)))
                : null,
            ImageSize = json.Integer("crop_size", 256),
            Patch = json.Integer("patch_size", 16),
            Frames = json.Integer("frames_per_clip", 64),
            Tubelet = json.Integer("tubelet_size", 2),
            Epsilon = eps,
            MaskTokens = json.Integer("pred_num_mask_tokens", 10),
            TargetWidth = width,
            Probe = !classifies ? null : new ProbeConfig
            {
                // The pooler's MLPs are four times as wide whatever mlp_ratio says (VJEPA2MLP's default).
                Size = new VitSize(width, json.Integer("num_pooler_layers", 3), heads, 4 * width),
                Epsilon = eps,
                Classes = [classifier!.Shape[0]],
                Labels = json.Labels(classifier.Shape[0]),
            },
        });
        return new ModelContents(ModelLayout.HuggingFace, config, HuggingFace(config, MetaKeys.Prefix(weights, "vjepa2.")));
    }

    public override JsonObject HuggingFaceJson(IModelConfig sizes)
    {
        var config = (JepaConfig)sizes;
        JsonObject json = MetaKeys.HuggingFaceJson(config, config.Probe is null ? "VJEPA2Model" : "VJEPA2ForVideoClassification");
        json["crop_size"] = config.ImageSize;
        json["frames_per_clip"] = config.Frames;
        json["tubelet_size"] = config.Tubelet;
        json["mlp_ratio"] = Ratio(config.Encoder);
        if (config.Predictor is { } predictor)
        {
            json["pred_hidden_size"] = predictor.Width;
            json["pred_num_hidden_layers"] = predictor.Depth;
            json["pred_num_attention_heads"] = predictor.Heads;
            json["pred_mlp_ratio"] = Ratio(predictor);
            json["pred_num_mask_tokens"] = config.MaskTokens;
        }
        if (config.Probe is { } probe)
        {
            json["num_pooler_layers"] = probe.Size.Depth;
            string[] labels = probe.Labels.Length > 0 ? probe.Labels : [.. Enumerable.Range(0, probe.Classes[0]).Select(i => $"LABEL_{i}")];
            json["id2label"] = new JsonObject(labels.Select((label, i) => KeyValuePair.Create($"{i}", (JsonNode?)label)));
            json["label2id"] = new JsonObject(labels.Select((label, i) => KeyValuePair.Create(label, (JsonNode?)i)).DistinctBy(l => l.Key));
        }
        return json;
    }

    /// <summary>The ratio transformers multiplies the width by and cuts: the smallest double that gives the hidden
    /// width again.</summary>
    private static double Ratio(VitSize size)
    {
        double ratio = size.Mlp / (double)size.Width;
        return (int)(size.Width * ratio) == size.Mlp ? ratio : Math.BitIncrement(ratio);
    }

    private static KeyMap HuggingFace(JepaConfig config, string prefix)
    {
        const string cross = "pooler.cross_attention_layer.";
        return new KeyMap(
        [
            ("encoder.patch_embed", $"{prefix}encoder.embeddings.patch_embeddings.proj"),
            .. Block("encoder.blocks.*.", $"{prefix}encoder.layer.*."),
            ("encoder.norm", $"{prefix}encoder.layernorm"),
            ("predictor.embed", $"{prefix}predictor.embeddings.predictor_embeddings"),
            ("predictor.mask_tokens.*", $"{prefix}predictor.embeddings.mask_tokens[*/{config.MaskTokens}]"),
            .. Block("predictor.blocks.*.", $"{prefix}predictor.layer.*."),
            ("predictor.norm", $"{prefix}predictor.layernorm"),
            ("predictor.projection", $"{prefix}predictor.proj"),
            .. MetaKeys.Stack("probe.blocks.*.", "pooler.self_attention_layers.*.", "layer_norm1", "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj",
                "self_attn.out_proj", "layer_norm2", "mlp.fc1", "mlp.fc2"),
            ("probe.queries", "pooler.query_tokens"),
            ("probe.norm1", $"{cross}layer_norm1"),
            ("probe.query", $"{cross}cross_attn.q_proj"),
            ("probe.key", $"{cross}cross_attn.k_proj"),
            ("probe.value", $"{cross}cross_attn.v_proj"),
            ("probe.norm2", $"{cross}layer_norm2"),
            ("probe.mlp.fc1", $"{cross}mlp.fc1"),
            ("probe.mlp.fc2", $"{cross}mlp.fc2"),
            ("probe.classifiers.0", "classifier"),
        ])
        {
            // The tokens [1, 1, W] are stacked along a dimension of their own.
            Written = (key, shape) => key.EndsWith("mask_tokens", StringComparison.Ordinal) ? [shape[0], 1, 1, shape[^1]] : shape,
        };

        static IEnumerable<(string, string)> Block(string ours, string theirs) => MetaKeys.Stack(ours, theirs,
            "norm1", "attention.query", "attention.key", "attention.value", "attention.proj", "norm2", "mlp.fc1", "mlp.fc2");
    }
}
