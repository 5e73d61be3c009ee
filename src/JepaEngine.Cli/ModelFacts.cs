namespace JepaEngine.Cli;

/// <summary>What a file of a model says about itself, for <c>jepa inspect</c>.</summary>
internal static class ModelFacts
{
    /// <summary>What a model is called: the released one of these sizes, or the family.</summary>
    public static string Name(IModelConfig config) => config.Family.ReleasedName(config) ?? config.Family.Name;

    /// <summary>Facts of a model's file.</summary>
    public static FactSheet Of(ModelFile model, KeyCheck check, IReadOnlyList<string> nonFinite)
    {
        (IModelConfig config, JepaFamily family) = (model.Config, model.Config.Family);
        var facts = new FactSheet();
        string? released = family.ReleasedName(config);
        facts.Add("model", released ?? $"{family.Name}, of no released size", "released", released);
        facts.Add("family", null, family.Name);
        foreach (ModelFact fact in family.Facts(config))
        {
            var numbers = new JsonObject(fact.Numbers.Select(number => KeyValuePair.Create(number.Key, (JsonNode?)number.Value)));
            facts.Add(fact.Name, fact.Text, numbers.Count == 0 ? null : numbers);
        }
        if (config.Probe is { } probe)
            facts.Add("classifier", $"{string.Join(" + ", probe.Classes)} classes{(probe.Labels.Length > 0 ? " with names" : "")}; {probe.Size}",
                new JsonArray([.. probe.Classes.Select(count => (JsonNode)count)]));
        facts.Add("parameters", $"{model.ParameterCount:N0}", model.ParameterCount);
        AddFile(facts, model.File, model.Layout);
        AddWeights(facts, model.Used, model.Memory());
        string others = string.Join(" and ", model.Encoders.Where(name => name != model.Encoder));
        facts.Add("encoders", others.Length == 0 ? null : $"{model.Encoder} is used; the file also has {others} (--encoder)", Names(model.Encoders));
        facts.Add("chosenEncoder", null, model.Encoder);
        facts.Add("keys", $"{model.Used.Count} used of {model.File.Entries.Count}{(model.Ignored.Count == 0 ? "" : $", {model.Ignored.Count} idle")}",
            new JsonObject { ["used"] = model.Used.Count, ["all"] = model.File.Entries.Count, ["idle"] = model.Ignored.Count });
        AddFaults(facts, "not read", [.. model.File.Skipped.Select(skipped => $"{skipped.Key} {skipped.Value}")], "skipped");
        AddFaults(facts, "missing", check.Missing);
        AddFaults(facts, "misfit", check.Misfit);
        AddFaults(facts, "extra", check.Extra);
        AddFaults(facts, "not finite", nonFinite, "nonFinite");
        AddMemory(facts, config);
        return facts;
    }

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
        facts.Add(name, keys.Count == 0 ? null : $"{keys.Count}: {Some(keys)}", key ?? name, Names(keys));

    /// <summary>The first names, for people; programs get all.</summary>
    public static string Some(IReadOnlyList<string> names)
    {
        const int shown = 10;
        string rest = names.Count > shown ? $" and {names.Count - shown} more (--json)" : "";
        return string.Join(", ", names.Take(shown)) + rest;
    }

    private static JsonArray Names(IReadOnlyList<string> names) => new([.. names.Select(name => (JsonNode)name)]);

    /// <summary>What encoding takes beyond the weights: for the clip the model was trained on and, where it can see one, for a single frame.</summary>
    private static void AddMemory(FactSheet facts, IModelConfig config)
    {
        Sight sight = config.Family.Sight;
        var sizes = new List<(string What, int Frames)>();
        if (sight is Sight.Clips or Sight.WholeClips)
            sizes.Add(($"{config.Frames} frames", config.Frames));
        if (sight != Sight.WholeClips)
            sizes.Add((sight == Sight.Picture ? "a picture" : "1 frame", 1));
        var json = new JsonArray();
        foreach ((string what, int frames) in sizes)
        {
            TokenGrid grid = TokenGrid.Of(frames, config.ImageSize, config.ImageSize, config);
            long bytes = MemoryPlan.Activations(config, 1, grid.Count);
            facts.Add(json.Count == 0 ? "memory" : "", $"{MemoryPlan.Size(bytes)} to encode {what}, {grid.Count} tokens", null, null);
            json.Add((JsonNode)new JsonObject { ["tokens"] = grid.Count, ["bytes"] = bytes });
        }
        facts.Add("memory", null, json);
    }
}
