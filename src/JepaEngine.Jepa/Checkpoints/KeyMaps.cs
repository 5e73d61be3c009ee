using JepaEngine.Jepa.Models;

namespace JepaEngine.Jepa.Checkpoints;

/// <summary>The layouts of the published files (facebookresearch/ijepa, jepa, vjepa2; Hugging Face transformers' IJepaModel and VJEPA2Model).</summary>
internal static class KeyMaps
{
    /// <summary>Meta's files. The prefixes are what stands before "patch_embed" and "predictor_embed": "encoder.module.backbone." and so on.</summary>
    public static KeyMap Original(JepaConfig config, string encoder, string predictor) => new(
    [
        ("encoder.patch_embed", $"{encoder}patch_embed.proj"),
        ("encoder.picture_patch_embed", $"{encoder}patch_embed_img.proj"),
        ("encoder.clip_modality", $"{encoder}video_mod_embed"),
        ("encoder.picture_modality", $"{encoder}img_mod_embed"),
        ("encoder.positions", $"{encoder}pos_embed"),
        .. OriginalBlock("encoder.blocks.*.", $"{encoder}blocks.*."),
        ("encoder.norm", $"{encoder}norm"),
        ("encoder.norms.*", $"{encoder}norms_block.*"),
        ("predictor.embed_levels", $"{predictor}predictor_embed.0"),
        ("predictor.embed", $"{predictor}predictor_embed{(config.PredictsFromLevels ? ".2" : "")}"),
        ("predictor.action_encoder", $"{predictor}action_encoder"),
        ("predictor.state_encoder", $"{predictor}state_encoder"),
        ("predictor.mask_token", $"{predictor}mask_token"),
        ("predictor.mask_tokens.*", $"{predictor}mask_tokens.*"),
        ("predictor.positions", $"{predictor}predictor_pos_embed"),
        ("predictor.clip_modality", $"{predictor}video_mod_embed"),
        ("predictor.picture_modality", $"{predictor}img_mod_embed"),
        .. OriginalBlock("predictor.blocks.*.", $"{predictor}predictor_blocks.*."),
        ("predictor.norm", $"{predictor}predictor_norm"),
        ("predictor.projection", $"{predictor}predictor_proj"),
        ("predictor.context_projection", $"{predictor}predictor_proj_context"),
    ]);

    /// <summary>A classifier of Meta's evaluations; the prefix is what stands before "pooler", the heads are the linear layers' names.</summary>
    public static KeyMap OriginalProbe(string prefix, string[] heads)
    {
        string cross = $"{prefix}pooler.cross_attention_block.";
        return new KeyMap(
        [
            .. OriginalBlock("probe.blocks.*.", $"{prefix}pooler.blocks.*."),
            ("probe.queries", $"{prefix}pooler.query_tokens"),
            ("probe.norm1", $"{cross}norm1"),
            ("probe.query", $"{cross}xattn.q"),
            ("probe.key", $"{cross}xattn.kv[0/2]"),
            ("probe.value", $"{cross}xattn.kv[1/2]"),
            ("probe.norm2", $"{cross}norm2"),
            ("probe.mlp.fc1", $"{cross}mlp.fc1"),
            ("probe.mlp.fc2", $"{cross}mlp.fc2"),
            .. heads.Select((head, i) => ($"probe.classifiers.{i}", $"{prefix}{head}")),
        ]);
    }

    /// <summary>Hugging Face's folders of a family; the prefix is "vjepa2." or "ijepa." where a classifier stands on top.</summary>
    /// <exception cref="ArgumentException">transformers has no such family.</exception>
    public static KeyMap HuggingFace(JepaConfig config, string prefix) => config.Family switch
    {
        JepaFamily.IJepa => HuggingFaceIJepa(prefix),
        JepaFamily.VJepa2 => HuggingFaceVJepa2(prefix, config.MaskTokens),
        _ => throw new ArgumentException($"transformers has no {config.Family}"),
    };

    private static KeyMap HuggingFaceVJepa2(string prefix, int maskTokens)
    {
        const string cross = "pooler.cross_attention_layer.";
        return new KeyMap(
        [
            ("encoder.patch_embed", $"{prefix}encoder.embeddings.patch_embeddings.proj"),
            .. Block("encoder.blocks.*.", $"{prefix}encoder.layer.*."),
            ("encoder.norm", $"{prefix}encoder.layernorm"),
            ("predictor.embed", $"{prefix}predictor.embeddings.predictor_embeddings"),
            ("predictor.mask_tokens.*", $"{prefix}predictor.embeddings.mask_tokens[*/{maskTokens}]"),
            .. Block("predictor.blocks.*.", $"{prefix}predictor.layer.*."),
            ("predictor.norm", $"{prefix}predictor.layernorm"),
            ("predictor.projection", $"{prefix}predictor.proj"),
            .. Stack("probe.blocks.*.", "pooler.self_attention_layers.*.", "layer_norm1", "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj",
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
        ]);

        static IEnumerable<(string, string)> Block(string ours, string theirs) => Stack(ours, theirs,
            "norm1", "attention.query", "attention.key", "attention.value", "attention.proj", "norm2", "mlp.fc1", "mlp.fc2");
    }

    private static KeyMap HuggingFaceIJepa(string prefix) => new(
    [
        ("encoder.patch_embed", $"{prefix}embeddings.patch_embeddings.projection"),
        ("encoder.positions", $"{prefix}embeddings.position_embeddings"),
        .. Stack("encoder.blocks.*.", $"{prefix}encoder.layer.*.", "layernorm_before", "attention.attention.query", "attention.attention.key",
            "attention.attention.value", "attention.output.dense", "layernorm_after", "intermediate.dense", "output.dense"),
        ("encoder.norm", $"{prefix}layernorm"),
    ]);

    private static IEnumerable<(string, string)> OriginalBlock(string ours, string theirs) => Stack(ours, theirs,
        "norm1", "attn.qkv[0/3]", "attn.qkv[1/3]", "attn.qkv[2/3]", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2");

    private static readonly string[] OwnBlock = ["norm1", "query", "key", "value", "projection", "norm2", "mlp.fc1", "mlp.fc2"];

    /// <summary>The eight layers of a <see cref="TransformerBlock"/>, in its order.</summary>
    private static IEnumerable<(string, string)> Stack(string ours, string theirs, params string[] names) =>
        OwnBlock.Zip(names, (own, name) => (ours + own, theirs + name));
}
