using JepaEngine.Tensors;

namespace JepaEngine.Cli.Commands;

/// <summary><c>jepa run</c>: from named tensors to named tensors, for scripts and for parity with other implementations.</summary>
internal static class RunCommand
{
    public static Command Create()
    {
        var model = new ModelOptions();
        var inputs = new Option<string>("--inputs") { Description = "File of the inputs: safetensors, npz", Required = true };
        var outputs = new Option<string>("--outputs") { Description = "Safetensors file for the outputs", Required = true };
        var context = new Option<string?>("--context")
        {
            Description = "With masks, what the encoder sees: visible (the context alone) or whole; by default as the family's reference",
        };
        var token = new Option<int?>("--mask-token") { Description = "With masks, which learned mask token stands for the targets, from 0 (1)" };
        var limit = MemoryOption.Create();
        var device = DeviceOption.Create();
        var json = CommonOptions.Json();
        Command command = CommandLine.Verb("run",
            "Runs a model from named tensors to named tensors. Floats are taken as they are (normalised), masks are int64 ids.",
            "jepa run facebook/vjepa2-vitl-fpc64-256 --inputs in.safetensors --outputs out.safetensors",
            [model.Model, inputs, outputs, context, token, limit, device, json, .. model.Options]);
        command.SetAction(async (parsed, cancellation) =>
        {
            var output = new Output(parsed.GetValue(json));
            string from = parsed.GetValue(inputs)!, to = parsed.GetValue(outputs)!;
            var choice = new RunOptions(View(parsed.GetValue(context)), parsed.GetValue(token));
            Outputs.Check([to], from, model.Path(parsed));
            long? most = MemoryOption.Read(parsed, limit);
            Device where = DeviceOption.Read(parsed, device);
            var clock = Stopwatch.StartNew();
            (TensorScope scope, IReadOnlyList<(string Name, Tensor Tensor)> results) =
                await Interruptible.Run(() => RunModel(model.Open(parsed), from, choice, most, where), cancellation);
            using (scope)
            {
                Safetensors.Write(to, results);
                Report(output, to, results, clock.Elapsed);
            }
            return ExitCode.Ok;
        });
        return command;
    }

    private static (TensorScope Scope, IReadOnlyList<(string Name, Tensor Tensor)> Results) RunModel(
        ModelFile opened, string inputs, RunOptions options, long? limit, Device device)
    {
        using ModelFile file = opened;
        using TensorFile given = TensorFile.Open(inputs);
        Check(given, file, limit);
        var scope = new TensorScope(device, "run");
        Dictionary<string, Tensor> tensors =
            given.Entries.Keys.Concat(given.Skipped.Keys).ToDictionary(name => name, name => given.Load(name, scope));
        using JepaModel model = file.Load(device);
        try
        {
            return (scope, model.Run(tensors, options));
        }
        // An id of a mask.
        catch (ArgumentOutOfRangeException error)
        {
            throw new BadFileException(inputs, error.Message.Split(" (Parameter ")[0], error);
        }
    }

    /// <summary>Refuses what the model does not take or the memory does not hold, by the file's description alone: once
    /// inflated it may be large.</summary>
    private static void Check(TensorFile given, ModelFile file, long? limit)
    {
        JepaFamily family = file.Config.Family;
        using (JepaModel model = JepaModel.Create(file.Config))
            model.CheckInputs(given.Entries.Keys.Concat(given.Skipped.Keys));
        foreach (TensorEntry pixels in given.Entries.Values
            .Where(input => family.PixelInputs.Contains(input.Name) && input.Shape.Rank >= 4))
        {
            int frames = pixels.Shape.Rank == 5 ? pixels.Shape[1] : 1;
            (int clips, TokenGrid grid) = family.Cost(file.Config, frames, pixels.Shape[^2], pixels.Shape[^1]);
            MemoryOption.Require(file, pixels.Shape[0] * clips, grid, limit);
            int side = file.Config.Grid;
            if (given.Entries.ContainsKey(JepaModel.ContextMask) && (grid.Rows, grid.Columns) != (side, side))
            {
                Console.Error.WriteLine($"jepa: {pixels.Name} has {grid.Rows} x {grid.Columns} patches, but the "
                    + $"predictor counts in a grid of {side} x {side}; say how large its pictures are (--image-size)");
            }
        }
    }

    private static ContextView? View(string? name) => name switch
    {
        null => null,
        "visible" => ContextView.Visible,
        "whole" => ContextView.Whole,
        _ => throw new UsageException($"--context is '{name}'; it is visible or whole"),
    };

    private static void Report(Output output, string path, IReadOnlyList<(string Name, Tensor Tensor)> results, TimeSpan time)
    {
        var shapes = new JsonObject();
        int width = results.Max(result => result.Name.Length);
        foreach ((string name, Tensor tensor) in results)
        {
            output.Line($"{name.PadRight(width)}  {tensor.Shape}");
            shapes.Add(name, new JsonArray([.. tensor.Shape.ToArray().Select(length => (JsonNode)length)]));
        }
        output.Line($"Written to {path} after {time.TotalSeconds:0.0} s.");
        output.Record(new JsonObject { ["outputs"] = shapes, ["out"] = path, ["seconds"] = Math.Round(time.TotalSeconds, 3) }.ToJsonString());
    }
}
