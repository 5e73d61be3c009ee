using System.Text.Json.Nodes;
using JepaEngine.IO;
using JepaEngine.Jepa.Checkpoints;
using JepaEngine.Jepa.Inference;
using JepaEngine.Jepa.Models;
using JepaEngine.Primitives;

namespace JepaEngine.Cli;

/// <summary>What a file of a model says about itself, for <c>jepa inspect</c>.</summary>
internal static class ModelFacts
{
    /// <summary>Facts of one of Meta's models.</summary>
    public static FactSheet Of(ModelFile model, KeyCheck check, IReadOnlyList<string> nonFinite)
    {
        JepaConfig config = model.Config;
        var facts = new FactSheet();
        string? released = ReleasedModels.Name(config);
        facts.Add("model", released ?? $"{ReleasedModels.Name(config.Family)}, of no released size", "released", released);
        facts.Add("family", null, ReleasedModels.Name(config.Family));
        AddBlocks(facts, "encoder", config.Encoder);
        AddBlocks(facts, "predictor", config.Predictor);
        if (config.Probe is { } probe)
            facts.Add("classifier", $"{string.Join(" + ", probe.Classes)} classes{(probe.Labels.Length > 0 ? " with names" : "")}; {Blocks(probe.Size)}",
                new JsonArray([.. probe.Classes.Select(count => (JsonNode)count)]));
        facts.Add("input", Input(config),
            new JsonObject { ["frames"] = config.Frames, ["size"] = config.ImageSize, ["patch"] = config.Patch, ["tubelet"] = config.Tubelet });
        using (JepaModel built = JepaModel.Create(config))
            facts.Add("parameters", $"{built.ParameterCount:N0}", built.ParameterCount);
        AddFile(facts, model.File, model.Layout);
        AddWeights(facts, model.Used, model.Memory());
        string others = string.Join(" and ", model.Encoders.Where(name => name != model.Encoder));
        facts.Add("encoders", others.Length == 0 ? null : $"{model.Encoder} is used; the file also has {others} (--encoder)", Names(model.Encoders));
        facts.Add("chosenEncoder", null, model.Encoder);
        facts.Add("keys", $"{model.Used.Count} used of {model.File.Entries.Count}{(model.Ignored.Count == 0 ? "" : $", {model.Ignored.Count} idle")}",
            new JsonObject { ["used"] = model.Used.Count, ["all"] = model.File.Entries.Count, ["idle"] = model.Ignored.Count });
        AddFaults(facts, "missing", check.Missing);
        AddFaults(facts, "misfit", check.Misfit);
        AddFaults(facts, "extra", check.Extra);
        AddFaults(facts, "not finite", nonFinite, "nonFinite");
        AddMemory(facts, config);
        return facts;
    }

    /// <summary>Facts of a LeWorldModel, which loading has checked.</summary>
    public static FactSheet Of(LeWorldModel model, TensorFile file, IReadOnlyList<string> nonFinite)
    {
        LeWorldModelConfig config = model.Config;
        var facts = new FactSheet();
        string? released = ReleasedModels.Name(config);
        facts.Add("model", released is null ? "LeWorldModel, of no released size" : "LeWorldModel, as published", "released", released);
        facts.Add("family", null, "LeWorldModel");
        AddBlocks(facts, "encoder", new VitSize(config.EncoderWidth, config.EncoderDepth, config.EncoderHeads, config.EncoderMlp));
        facts.Add("predictor", $"{Blocks(config.EmbeddingWidth, config.PredictorDepth, config.PredictorHeads, config.PredictorHeadWidth, config.PredictorMlp)}, "
            + $"{config.History} {(config.History == 1 ? "frame" : "frames")} of history", null, null);
        facts.Add("input", $"frames of {config.ImageSize} x {config.ImageSize} pixels in patches of {config.Patch}, actions of {config.ActionWidth} numbers",
            new JsonObject { ["size"] = config.ImageSize, ["patch"] = config.Patch, ["action"] = config.ActionWidth, ["history"] = config.History });
        facts.Add("parameters", $"{model.ParameterCount:N0}", model.ParameterCount);
        AddFile(facts, file, file.Metadata.ContainsKey("config") ? ModelLayout.JepaEngine : ModelLayout.Original);
        long copied = model.Parameters().Sum(p => p.Parameter.Shape.Count) * sizeof(float);
        AddWeights(facts, [.. file.Entries.Values.Where(entry => entry.DType.IsFloat())], (0, copied));
        facts.Add("keys", $"{file.Entries.Count}", new JsonObject { ["all"] = file.Entries.Count });
        AddFaults(facts, "not finite", nonFinite, "nonFinite");
        return facts;
    }

    private static void AddBlocks(FactSheet facts, string name, VitSize? size) => facts.Add(name,
        size is null ? "none in this file" : Blocks(size),
        size is null ? null : new JsonObject { ["width"] = size.Width, ["depth"] = size.Depth, ["heads"] = size.Heads, ["mlp"] = size.Mlp });

    private static string Blocks(VitSize size) => Blocks(size.Width, size.Depth, size.Heads, size.HeadWidth, size.Mlp);

    private static string Blocks(int width, int depth, int heads, int headWidth, int mlp) =>
        $"{width} wide, {depth} {(depth == 1 ? "block" : "blocks")}, {heads} heads of {headWidth}, MLP {mlp}";

    private static string Input(JepaConfig config) => config.IsPicture
        ? $"pictures of {config.ImageSize} x {config.ImageSize} pixels in patches of {config.Patch}"
        : $"clips of {config.Frames} frames of {config.ImageSize} x {config.ImageSize} pixels in patches of "
            + $"{config.Tubelet} x {config.Patch} x {config.Patch}";

    private static void AddFile(FactSheet facts, TensorFile file, ModelLayout layout)
    {
        facts.Add("file", $"{file.Path} ({file.Format}, layout {LayoutName.Of(layout)})", "path", file.Path);
        facts.Add("format", null, file.Format);
        facts.Add("layout", null, LayoutName.Of(layout));
    }

    private static void AddWeights(FactSheet facts, IReadOnlyList<TensorEntry> entries, (long Mapped, long Copied) memory)
    {
        var sizes = entries.GroupBy(entry => entry.DType).OrderByDescending(group => group.Sum(entry => entry.Shape.Count));
        string dtypes = string.Join(" + ", sizes.Select(group => group.Key));
        string where = (memory.Mapped, memory.Copied) switch
        {
            ( > 0, 0) => $"{MemoryPlan.Size(memory.Mapped)} stay in the mapped file",
            (0, _) => $"{MemoryPlan.Size(memory.Copied)} copied to memory as F32",
            _ => $"{MemoryPlan.Size(memory.Mapped)} stay in the mapped file, {MemoryPlan.Size(memory.Copied)} copied to memory as F32",
        };
        facts.Add("weights", $"{dtypes}, {where}", "dtype", dtypes);
        facts.Add("mapped", null, "mappedBytes", memory.Mapped);
        facts.Add("copied", null, "copiedBytes", memory.Copied);
    }

    private static void AddFaults(FactSheet facts, string name, IReadOnlyList<string> keys, string? key = null) =>
        facts.Add(name, keys.Count == 0 ? null : $"{keys.Count}: {string.Join(", ", keys)}", key ?? name, Names(keys));

    private static JsonArray Names(IReadOnlyList<string> names) => new([.. names.Select(name => (JsonNode)name)]);

    /// <summary>What encoding takes beyond the weights: for the clip the model was trained on and, where it can see one, for a single frame.</summary>
    private static void AddMemory(FactSheet facts, JepaConfig config)
    {
        bool apart = config.Family == JepaFamily.VJepa2Ac;
        var sizes = new List<(string What, int Batch, TokenGrid Grid)>();
        if (!config.IsPicture && !apart)
            sizes.Add(($"{config.Frames} frames", 1, TokenGrid.Of(config.Frames, config.ImageSize, config.ImageSize, config)));
        if (config.Family != JepaFamily.VJepa)
            sizes.Add((config.IsPicture ? "a picture" : "1 frame", 1, TokenGrid.Of(1, config.ImageSize, config.ImageSize, config)));
        var json = new JsonArray();
        for (int i = 0; i < sizes.Count; i++)
        {
            (string what, int batch, TokenGrid grid) = sizes[i];
            long bytes = MemoryPlan.Activations(config, batch, grid.Count);
            facts.Add(i == 0 ? "memory" : "", $"{MemoryPlan.Size(bytes)} to encode {what}, {grid.Count} tokens", null, null);
            json.Add((JsonNode)new JsonObject { ["tokens"] = grid.Count, ["bytes"] = bytes });
        }
        facts.Add("memory", null, json);
    }
}
