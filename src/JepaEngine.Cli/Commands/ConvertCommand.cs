namespace JepaEngine.Cli.Commands;

/// <summary><c>jepa convert</c>: the same model under other names, in another type.</summary>
internal static class ConvertCommand
{
    public static Command Create()
    {
        var model = new ModelOptions();
        var to = new Argument<string>("OUT") { Description = "Safetensors file, or with --layout hf the folder" };
        var layout = new Option<string>("--layout") { Description = "How to name the tensors: original, hf or jepa", Required = true };
        var dtype = new Option<string>("--dtype") { Description = "The floats' type: f32, bf16 or f16", DefaultValueFactory = _ => "f32" };
        var json = CommonOptions.Json();
        Command command = CommandLine.Verb("convert", "Writes a model in another layout or type: Meta's, Hugging Face's or this engine's.",
            "jepa convert vitl.pt vjepa2-large --layout hf --dtype bf16", [model.Model, to, layout, dtype, json, .. model.Options]);
        command.SetAction(parsed =>
        {
            ModelLayout chosen = LayoutName.Parse(parsed.GetValue(layout)!);
            DType type = Type(parsed.GetValue(dtype)!);
            using ModelFile file = model.Open(parsed);
            return Run(file, parsed.GetValue(to)!, chosen, type, new Output(parsed.GetValue(json)));
        });
        return command;
    }

    private static int Run(ModelFile file, string to, ModelLayout layout, DType type, Output output)
    {
        string? folder = layout == ModelLayout.HuggingFace ? to : Path.GetDirectoryName(Path.GetFullPath(to));
        if (folder is not null && new RunFolder(folder) is var run && run.IsRun()
            && (layout == ModelLayout.HuggingFace || AtomicFile.IsSame(to, run.Model)))
            throw new UsageException($"{folder} is a training run, which would lose its checkpoint; write elsewhere");
        AtomicFile.Check(layout == ModelLayout.HuggingFace ? Path.Combine(to, "config.json") : to);
        using JepaModel model = file.Load(Device.Cpu);
        IReadOnlyList<string> left = ModelWriter.Write(to, model, layout, type);
        output.Line($"{ModelFacts.Name(file.Config)} is written to {to} in {type}.");
        IEnumerable<string> parts = left.CountBy(name => name.Split('.')[0]).Select(part => $"{part.Key} ({part.Value} tensors)");
        if (left.Count > 0)
            output.Line($"Left out, as the layout has no place for it: {string.Join(", ", parts)}.");
        output.Record(new JsonObject
        {
            ["out"] = to, ["layout"] = LayoutName.Of(layout), ["dtype"] = $"{type}",
            ["leftOut"] = new JsonArray([.. left.Select(name => (JsonNode)name)]),
        }.ToJsonString());
        return ExitCode.Ok;
    }

    private static DType Type(string name) => name switch
    {
        "f32" => DType.F32,
        "bf16" => DType.BF16,
        "f16" => DType.F16,
        _ => throw new UsageException($"--dtype is '{name}'; it is f32, bf16 or f16"),
    };
}
