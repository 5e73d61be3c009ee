using System.Text.Json.Nodes;

namespace JepaEngine.Jepa.Models;

/// <summary>The layout of Meta's files (facebookresearch/ijepa, jepa, vjepa2), and what other layouts share with
/// it.</summary>
internal static class MetaKeys
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

    private static IEnumerable<(string, string)> OriginalBlock(string ours, string theirs) => Stack(ours, theirs,
        "norm1", "attn.qkv[0/3]", "attn.qkv[1/3]", "attn.qkv[2/3]", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2");

    private static readonly string[] OwnBlock = ["norm1", "query", "key", "value", "projection", "norm2", "mlp.fc1", "mlp.fc2"];

    /// <summary>The eight layers of a <see cref="TransformerBlock"/>, in its order.</summary>
    public static IEnumerable<(string, string)> Stack(string ours, string theirs, params string[] names) =>
        OwnBlock.Zip(names, (own, name) => (ours + own, theirs + name));

    /// <summary>What stands before a folder's names: the model's, where a classifier is on top.</summary>
    public static string Prefix(TensorFile file, string prefix) =>
        file.Entries.Keys.Any(key => key.StartsWith(prefix, StringComparison.Ordinal)) ? prefix : "";

    /// <summary>What the config.json of all of transformers' models say.</summary>
    public static JsonObject HuggingFaceJson(JepaConfig config, string architecture) => new()
    {
        ["architectures"] = new JsonArray(architecture), ["model_type"] = config.Family.HuggingFaceType,
        ["hidden_size"] = config.Encoder.Width, ["num_hidden_layers"] = config.Encoder.Depth,
        ["num_attention_heads"] = config.Encoder.Heads, ["patch_size"] = config.Patch,
        ["image_size"] = config.ImageSize, ["layer_norm_eps"] = config.Epsilon, ["hidden_act"] = "gelu",
        ["qkv_bias"] = true,
    };
}
