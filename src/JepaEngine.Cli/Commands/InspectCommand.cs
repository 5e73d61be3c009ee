namespace JepaEngine.Cli.Commands;

/// <summary><c>jepa inspect</c>: what a checkpoint is, what it lacks, and what it takes to run it.</summary>
internal static class InspectCommand
{
    public static Command Create()
    {
        var model = new ModelOptions();
        var keys = new Option<bool>("--keys") { Description = "List all tensors" };
        var strict = new Option<bool>("--strict") { Description = "Refuse weights that hold NaN or infinity" };
        var json = CommonOptions.Json();
        Command command = CommandLine.Verb("inspect", "Says what a checkpoint is, what it lacks, and what memory it takes to run it.",
            "jepa inspect facebook/vjepa2-vitl-fpc64-256", [model.Model, keys, strict, json, .. model.Options]);
        command.SetAction(async (parsed, cancellation) =>
        {
            Inspection seen = await Interruptible.Run(() => Inspect(model.Open(parsed)), cancellation);
            if (parsed.GetValue(keys))
                AddKeys(seen);
            seen.Facts.Write(new Output(parsed.GetValue(json)));
            if (!seen.Check.Passed)
                throw new BadFileException(seen.File, $"it does not fit the model: {seen.Check}");
            if (parsed.GetValue(strict) && seen.NonFinite.Count > 0)
                throw new BadFileException(seen.File,
                    $"{seen.NonFinite.Count} tensors hold NaN or infinity: {ModelFacts.Some(seen.NonFinite)}; "
                    + "take an earlier checkpoint");
            return ExitCode.Ok;
        });
        return command;
    }

    private static Inspection Inspect(ModelFile opened)
    {
        using ModelFile file = opened;
        KeyCheck check = file.Check();
        IReadOnlyList<string> nonFinite = file.File.NonFinite();
        return new Inspection(file.File.Path, [.. file.File.Entries.Values], ModelFacts.Of(file, check, nonFinite), check, nonFinite);
    }

    private static void AddKeys(Inspection seen)
    {
        int width = seen.Entries.Max(entry => $"{entry.Shape}".Length);
        var json = new JsonArray();
        foreach (TensorEntry entry in seen.Entries.OrderBy(entry => entry.Name, StringComparer.Ordinal))
        {
            seen.Facts.Add($"  {entry.DType}", $"{$"{entry.Shape}".PadRight(width)}  {entry.Name}", null, null);
            json.Add((JsonNode)new JsonObject
            {
                ["name"] = entry.Name, ["dtype"] = $"{entry.DType}",
                ["shape"] = new JsonArray([.. entry.Shape.ToArray().Select(length => (JsonNode)length)]),
            });
        }
        seen.Facts.Add("tensors", null, json);
    }

    private sealed record Inspection(string File, TensorEntry[] Entries, FactSheet Facts, KeyCheck Check, IReadOnlyList<string> NonFinite);
}
