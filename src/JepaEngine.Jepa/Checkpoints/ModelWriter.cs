using System.Text.Json;
using System.Text.Json.Nodes;
using JepaEngine.Jepa.Models;

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
    /// <param name="shardSize">The most bytes of tensors in one file of a Hugging Face folder.</param>
    /// <returns>The parameters the layout has no place for: Hugging Face's I-JEPA has no predictor, Meta's files of models no classifier.</returns>
    /// <exception cref="ArgumentException">The layout has no place for the family.</exception>
    /// <exception cref="NumericException">A parameter is not finite, or is beyond the type.</exception>
    /// <exception cref="IOException">It cannot be written; an earlier one is intact.</exception>
    public static IReadOnlyList<string> Write(string path, JepaModel model, ModelLayout layout, DType dtype,
        long shardSize = Safetensors.ShardSize)
    {
        if (FiniteOutputs.Parameter(model) is { } broken)
            throw new NumericException($"{path}: nothing is written: the model's {broken} holds NaN or infinity");
        JepaFamily family = model.Config.Family;
        KeyMap keys = family.Keys(model.Config, layout);
        using var scope = new TensorScope(model.Device, "written");
        (List<(string Name, Tensor Tensor)> tensors, List<string> left) = Stack(model, keys, scope);
        switch (layout)
        {
            case ModelLayout.HuggingFace:
                JsonObject json = family.HuggingFaceJson(model.Config);
                json["dtype"] = dtype switch { DType.BF16 => "bfloat16", DType.F16 => "float16", _ => "float32" };
                string config = Path.Combine(path, "config.json"), text = json.ToJsonString(Indented) + "\n";
                Safetensors.WriteFolder(path, tensors, dtype, shardSize, FolderConfig.Notes(config, text));
                AtomicFile.WriteText(config, text);
                break;
            case ModelLayout.JepaEngine:
                Dictionary<string, string> metadata = family.Metadata(model.Config);
                metadata.Add(Fingerprint.Key, Fingerprint.Of(model).ToString());
                Safetensors.Write(path, tensors, metadata, dtype);
                break;
            default:
                Safetensors.Write(path, tensors, floats: dtype);
                break;
        }
        return left;
    }

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>The file's tensors: pieces of one tensor are joined, tensors of one parameter parted.</summary>
    private static (List<(string Name, Tensor Tensor)> Tensors, List<string> Left) Stack(JepaModel model, KeyMap keys, TensorScope scope)
    {
        var pieces = new Dictionary<string, Tensor[]>();
        List<string> left = [];
        foreach ((string name, Parameter parameter) in model.Parameters())
        {
            if (keys.Find(name) is not { } place)
            {
                left.Add(name);
                continue;
            }
            Tensor value = scope.Use(parameter.Value);
            int count = place.Keys.Length, rows = count == 1 ? 0 : value.Shape[0] / count;
            for (int i = 0; i < count; i++)
            {
                if (!pieces.TryGetValue(place.Keys[i], out Tensor[]? parts))
                    pieces.Add(place.Keys[i], parts = new Tensor[place.Parts]);
                parts[place.Part] = count == 1 ? value : value.Slice(0, i * rows, rows);
            }
        }
        return ([.. pieces.Select(p => (p.Key, Joined(p.Key, p.Value)))], left);

        Tensor Joined(string key, Tensor[] parts)
        {
            Tensor joined = parts.Length == 1 ? parts[0] : TensorOps.Concat(0, parts);
            Shape shape = keys.Written(key, joined.Shape);
            return shape == joined.Shape ? joined : joined.Reshape(shape.ToArray());
        }
    }
}
