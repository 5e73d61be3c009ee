using JepaEngine.Primitives;

namespace JepaEngine.Jepa.Checkpoints;

/// <summary>A tensor of a published state dict.</summary>
/// <param name="Name">Its key.</param>
/// <param name="Shape">Its lengths.</param>
public readonly record struct PublishedKey(string Name, Shape Shape);

/// <summary>
/// How LeWorldModel's parameters are called in the published state dicts, whose encoder is transformers' ViTModel: as version 4 spells it in the files
/// that are out, or as version 5 does in files written since. A fused parameter is several published ones, stacked along the first dimension.
/// </summary>
public static class LeWorldModelKeys
{
    /// <summary>Our module (or parameter) and the published ones; * is a block's number. Weight, bias and so on keep their names.</summary>
    private static readonly Dictionary<string, string[]> Map = new()
    {
        ["encoder.class_token"] = ["encoder.embeddings.cls_token"],
        ["encoder.positions"] = ["encoder.embeddings.position_embeddings"],
        ["encoder.patch_embed"] = ["encoder.embeddings.patch_embeddings.projection"],
        ["encoder.blocks.*.norm1"] = ["encoder.encoder.layer.*.layernorm_before"],
        ["encoder.blocks.*.qkv"] =
        [
            "encoder.encoder.layer.*.attention.attention.query",
            "encoder.encoder.layer.*.attention.attention.key",
            "encoder.encoder.layer.*.attention.attention.value",
        ],
        ["encoder.blocks.*.projection"] = ["encoder.encoder.layer.*.attention.output.dense"],
        ["encoder.blocks.*.norm2"] = ["encoder.encoder.layer.*.layernorm_after"],
        ["encoder.blocks.*.mlp.fc1"] = ["encoder.encoder.layer.*.intermediate.dense"],
        ["encoder.blocks.*.mlp.fc2"] = ["encoder.encoder.layer.*.output.dense"],
        ["encoder.norm"] = ["encoder.layernorm"],
        ["projector.first"] = ["projector.net.0"],
        ["projector.norm"] = ["projector.net.1"],
        ["projector.second"] = ["projector.net.3"],
        ["action_encoder.smooth"] = ["action_encoder.patch_embed"],
        ["action_encoder.hidden"] = ["action_encoder.embed.0"],
        ["action_encoder.output"] = ["action_encoder.embed.2"],
        ["predictor.positions"] = ["predictor.pos_embedding"],
        ["predictor.blocks.*.attention_norm"] = ["predictor.transformer.layers.*.attn.norm"],
        ["predictor.blocks.*.qkv"] = ["predictor.transformer.layers.*.attn.to_qkv"],
        ["predictor.blocks.*.projection"] = ["predictor.transformer.layers.*.attn.to_out.0"],
        ["predictor.blocks.*.mlp_norm"] = ["predictor.transformer.layers.*.mlp.net.0"],
        ["predictor.blocks.*.fc1"] = ["predictor.transformer.layers.*.mlp.net.1"],
        ["predictor.blocks.*.fc2"] = ["predictor.transformer.layers.*.mlp.net.4"],
        ["predictor.blocks.*.modulation"] = ["predictor.transformer.layers.*.adaLN_modulation.1"],
        ["predictor.norm"] = ["predictor.transformer.norm"],
        ["prediction_projector.first"] = ["pred_proj.net.0"],
        ["prediction_projector.norm"] = ["pred_proj.net.1"],
        ["prediction_projector.second"] = ["pred_proj.net.3"],
    };

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

    /// <summary>Whether a state dict has the spelling of transformers 5.</summary>
    public static bool IsVersion5(IEnumerable<string> keys) => keys.Any(key => key.StartsWith(Renamed[0].Version5, StringComparison.Ordinal));

    /// <summary>The published keys of a parameter, in the order in which they are stacked.</summary>
    /// <param name="name">The parameter's name in the model.</param>
    /// <param name="shape">Its lengths.</param>
    /// <param name="version5">Whether in the spelling of transformers 5.</param>
    /// <exception cref="ArgumentException">LeWorldModel has no such parameter.</exception>
    public static IReadOnlyList<PublishedKey> Of(string name, in Shape shape, bool version5 = false)
    {
        string[] words = name.Split('.');
        int number = Array.FindIndex(words, word => char.IsAsciiDigit(word[0]));
        string block = number < 0 ? "" : words[number];
        if (number >= 0)
            words[number] = "*";
        string pattern = string.Join('.', words), ending = "";
        if (!Map.TryGetValue(pattern, out string[]? published))
        {
            ending = "." + words[^1];
            if (!Map.TryGetValue(pattern[..^ending.Length], out published))
                throw new ArgumentException($"LeWorldModel has no parameter '{name}'", nameof(name));
        }
        // The first layer of the action encoder is published as a convolution with a kernel of 1.
        Shape part = name == "action_encoder.smooth.weight" ? [shape[0], shape[1], 1] : shape.With(0, shape[0] / published.Length);
        return [.. published.Select(key => new PublishedKey(Spelled(key.Replace("*", block) + ending), part))];

        string Spelled(string key) => version5 && key.StartsWith(Renamed[0].Version4, StringComparison.Ordinal)
            ? Renamed.Aggregate(key, (spelled, rename) => spelled.Replace(rename.Version4, rename.Version5))
            : key;
    }

    /// <summary>Whether a published key holds nothing a model needs: BatchNorm's counter, which only a momentum of null would read.</summary>
    public static bool IsIdle(string key) => key.EndsWith(".num_batches_tracked", StringComparison.Ordinal);
}
