using System.Text.Json;
using System.Text.Json.Nodes;
using JepaEngine.IO;
using JepaEngine.Jepa.Models;
using JepaEngine.Nn;
using JepaEngine.Ops;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Jepa.Checkpoints;

/// <summary>Writes models in any <see cref="ModelLayout"/>, as safetensors, whole or not at all.</summary>
public static class ModelWriter
{
    /// <summary>
    /// Writes a model: a Hugging Face folder (config.json and model.safetensors, which transformers opens), or a file with Meta's names ("encoder.",
    /// "predictor."), or one of this engine's.
    /// </summary>
    /// <param name="path">The file, or the folder.</param>
    /// <param name="model">The model.</param>
    /// <param name="layout">How to name its tensors.</param>
    /// <param name="dtype">F32, BF16 or F16.</param>
    /// <returns>The parameters the layout has no place for: Hugging Face's I-JEPA has no predictor, Meta's files of models no classifier.</returns>
    /// <exception cref="ArgumentException">The layout has no place for the family.</exception>
    /// <exception cref="IOException">It cannot be written; an earlier one is intact.</exception>
    public static IReadOnlyList<string> Write(string path, JepaModel model, ModelLayout layout, DType dtype)
    {
        string prefix = model.Probe is null ? "" : "vjepa2.";
        KeyMap keys = layout switch
        {
            ModelLayout.Original => KeyMaps.Original(model.Config, "encoder.", "predictor."),
            ModelLayout.HuggingFace => KeyMaps.HuggingFace(model.Config, prefix),
            _ => KeyMap.Own,
        };
        using var scope = new TensorScope(model.Device, "written");
        (List<(string Name, Tensor Tensor)> tensors, List<string> left) = Stack(model, keys, scope);
        switch (layout)
        {
            case ModelLayout.HuggingFace:
                Safetensors.WriteFolder(path, tensors, dtype);
                AtomicFile.WriteText(Path.Combine(path, "config.json"), HuggingFaceJson(model, dtype));
                break;
            case ModelLayout.JepaEngine:
                Safetensors.Write(path, tensors, JepaFormat.Write(model), dtype);
                break;
            default:
                Safetensors.Write(path, tensors, floats: dtype);
                break;
        }
        return left;
    }

    /// <summary>The file's tensors: pieces of one tensor are joined.</summary>
    private static (List<(string Name, Tensor Tensor)> Tensors, List<string> Left) Stack(JepaModel model, KeyMap keys, TensorScope scope)
    {
        var pieces = new Dictionary<string, (Tensor[] Parts, int Count)>();
        List<string> left = [];
        foreach ((string name, Parameter parameter) in model.Parameters())
        {
            if (!keys.TryFind(name, out Piece piece))
            {
                left.Add(name);
                continue;
            }
            if (!pieces.TryGetValue(piece.Key, out (Tensor[] Parts, int Count) stacked))
                pieces.Add(piece.Key, stacked = (new Tensor[piece.Parts], piece.Parts));
            stacked.Parts[piece.Part] = scope.Use(parameter.Value);
        }
        return ([.. pieces.Select(p => (p.Key, Join(p.Key, p.Value.Parts)))], left);
    }

    private static Tensor Join(string key, Tensor[] parts)
    {
        if (parts.Length == 1)
            return parts[0];
        Tensor joined = TensorOps.Concat(0, parts);
        // transformers stacks mask tokens [1, 1, W] along a dimension of their own.
        return key.EndsWith("mask_tokens", StringComparison.Ordinal) ? joined.Reshape(parts.Length, 1, 1, joined.Shape[^1]) : joined;
    }

    private static string HuggingFaceJson(JepaModel model, DType dtype)
    {
        JepaConfig config = model.Config;
        VitSize encoder = config.Encoder;
        var json = new JsonObject
        {
            ["architectures"] = new JsonArray(
                config.Family == JepaFamily.IJepa ? "IJepaModel" : config.Probe is null ? "VJEPA2Model" : "VJEPA2ForVideoClassification"),
            ["model_type"] = config.Family == JepaFamily.IJepa ? "ijepa" : "vjepa2",
            ["hidden_size"] = encoder.Width,
            ["num_hidden_layers"] = encoder.Depth,
            ["num_attention_heads"] = encoder.Heads,
            ["patch_size"] = config.Patch,
            ["image_size"] = config.ImageSize,
            ["layer_norm_eps"] = config.Epsilon,
            ["hidden_act"] = "gelu",
            ["qkv_bias"] = true,
            ["dtype"] = dtype switch { DType.BF16 => "bfloat16", DType.F16 => "float16", _ => "float32" },
        };
        if (config.Family == JepaFamily.IJepa)
        {
            json["intermediate_size"] = encoder.Mlp;
            return json.ToJsonString(Indented) + "\n";
        }
        json["crop_size"] = config.ImageSize;
        json["frames_per_clip"] = config.Frames;
        json["tubelet_size"] = config.Tubelet;
        json["mlp_ratio"] = Ratio(encoder);
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
        return json.ToJsonString(Indented) + "\n";
    }

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>The ratio transformers multiplies the width by and cuts: the smallest double that gives the hidden width again.</summary>
    private static double Ratio(VitSize size)
    {
        double ratio = size.Mlp / (double)size.Width;
        return (int)(size.Width * ratio) == size.Mlp ? ratio : Math.BitIncrement(ratio);
    }
}
