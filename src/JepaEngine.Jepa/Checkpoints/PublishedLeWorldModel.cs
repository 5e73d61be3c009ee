using System.Text.Json;
using JepaEngine.IO;
using JepaEngine.Jepa.Models;
using JepaEngine.Nn;
using JepaEngine.Ops;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Jepa.Checkpoints;

/// <summary>
/// Finds the sizes of a published LeWorldModel: a folder of weights.pt and a Hydra config.json (quentinll/lewm-*). Shapes tell all but how many heads there
/// are and the dropout rate; those stand in config.json, or are the published model's.
/// </summary>
internal static class PublishedLeWorldModel
{
    private const string Projection = "encoder.embeddings.patch_embeddings.projection.weight", Slots = "predictor.pos_embedding";

    /// <summary>Width of the encoder's heads in transformers' named sizes (tiny: 192 = 3 x 64), and of the predictor's by default.</summary>
    private const int HeadWidth = 64;

    /// <summary>Whether a file looks like one.</summary>
    public static bool Holds(TensorFile file) => file.Entries.ContainsKey(Projection) && file.Entries.ContainsKey(Slots);

    /// <summary>Fills an allocated model.</summary>
    /// <exception cref="BadFileException">Keys are missing, too many or of another shape.</exception>
    public static void Read(TensorFile file, LeWorldModel model)
    {
        bool version5 = LeWorldModelKeys.IsVersion5(file.Entries.Keys);
        using var views = new TensorScope(model.Device, "published parts");
        List<(string, Tensor)> wanted = [];
        foreach ((string name, Parameter parameter) in model.Parameters())
        {
            Tensor whole = views.Use(parameter);
            IReadOnlyList<PublishedKey> keys = LeWorldModelKeys.Of(name, parameter.Shape, version5);
            int rows = parameter.Shape[0] / keys.Count;
            for (int i = 0; i < keys.Count; i++)
                wanted.Add((keys[i].Name, whole.Slice(0, i * rows, rows).Reshape(keys[i].Shape.ToArray())));
        }
        StateDict.Read(file, wanted, LeWorldModelKeys.IsIdle);
    }

    /// <summary>A model of the file's sizes, without memory.</summary>
    /// <exception cref="BadFileException">No model has these sizes.</exception>
    public static LeWorldModel Build(TensorFile file)
    {
        string path = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(file.Path)) ?? "", "config.json");
        using JsonDocument? json = File.Exists(path) ? HuggingFaceConfig.Parse(path) : null;
        bool version5 = LeWorldModelKeys.IsVersion5(file.Entries.Keys);
        int width = Dimension(Projection, 0), patch = Dimension(Projection, 2), tokens = Dimension("encoder.embeddings.position_embeddings", 1) - 1;
        int grid = (int)Math.Round(Math.Sqrt(tokens)), headWidth = Setting("predictor", "dim_head", HeadWidth);
        const string layer = "predictor.transformer.layers.";
        var config = new LeWorldModelConfig
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
        try
        {
            return new LeWorldModel(config);
        }
        catch (ArgumentException error)
        {
            throw new BadFileException(file.Path, "no model has its sizes: " + error.Message, error);
        }

        int Dimension(string key, int axis) => file.Entries.TryGetValue(key, out TensorEntry? entry) && entry.Shape.Rank > axis
            ? entry.Shape[axis]
            : throw new BadFileException(file.Path, $"it has no '{key}'; nearest is '{Nearest.Of(key, file.Entries.Keys)}'");

        int Depth(string prefix) => Enumerable.Range(0, 1024)
            .TakeWhile(i => file.Entries.Keys.Any(key => key.StartsWith($"{prefix}{i}.", StringComparison.Ordinal))).Count();

        int Setting(string part, string key, int missing) => Find(part, key) is not { } value
            ? missing
            : value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) && number > 0
                ? number
                : throw Refused($"{part}.{key}", value, "a whole number of 1 or more");

        JsonElement? Find(string part, string key) => json is not null && json.RootElement.TryGetProperty(part, out JsonElement tree)
            && tree.ValueKind == JsonValueKind.Object && tree.TryGetProperty(key, out JsonElement value) ? value : null;

        BadFileException Refused(string key, JsonElement value, string needed) => new(path, $"{key} is {value.GetRawText()}; it is {needed}");
    }
}
