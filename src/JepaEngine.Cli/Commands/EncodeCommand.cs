using JepaEngine.Tensors;

namespace JepaEngine.Cli.Commands;

/// <summary><c>jepa encode</c>: from a picture or video to features, and what they look like.</summary>
internal static class EncodeCommand
{
    public static Command Create()
    {
        var model = new ModelOptions();
        var clips = new ClipOptions();
        var input = new Argument<string>("INPUT") { Description = "Picture, video or folder of frames; "
            + "all but PNG needs ffmpeg" };
        var to = new Option<string>("--out") { Description = "File for the features, .safetensors or .npy", DefaultValueFactory = _ => "features.safetensors" };
        var pca = new Option<string?>("--pca") { Description = "PNG that shows the features' first three principal components below the frames" };
        var device = DeviceOption.Create();
        var json = CommonOptions.Json();
        Command command = CommandLine.Verb("encode", "Encodes a picture or video to features [N, D], one row a patch.",
            "jepa encode facebook/vjepa2-vitl-fpc64-256 clip.mp4 --frames 16 --pca clip.png",
            [model.Model, input, to, pca, .. clips.Options, device, json, .. model.Options]);
        command.SetAction(async (parsed, cancellation) =>
        {
            var output = new Output(parsed.GetValue(json));
            string path = parsed.GetValue(to)!;
            bool numpy = Path.GetExtension(path) switch
            {
                ".safetensors" => false,
                ".npy" => true,
                string ending => throw new UsageException($"--out ends with '{ending}'; it ends with .safetensors or .npy"),
            };
            bool draws = parsed.GetValue(pca) is not null;
            Outputs.Check([path, parsed.GetValue(pca)], model.Path(parsed), parsed.GetValue(input));
            Device where = DeviceOption.Read(parsed, device);
            var clock = Stopwatch.StartNew();
            (TensorScope scope, Clip clip, TokenGrid grid, Tensor features, Picture? sheet) = await Interruptible.Run(() =>
            {
                using ModelFile file = model.Open(parsed);
                return Encode(file, clips.Read(parsed, parsed.GetValue(input)!, file), draws, where, output);
            }, cancellation);
            using (scope)
            {
                if (numpy)
                    Npy.Write(path, features);
                else
                    Safetensors.Write(path, [("last_hidden_state", features)], Notes(clip, grid));
            }
            if (sheet is not null)
                AtomicFile.Write(parsed.GetValue(pca)!, stream => Png.Write(stream, sheet.Rgb, sheet.Width, sheet.Height));
            var facts = new FactSheet();
            facts.Add("features", $"{features.Shape}", null, null);
            facts.Add("tokens", null, grid.Count);
            facts.Add("width", null, features.Shape[1]);
            facts.Add("times", null, grid.Times);
            facts.Add("rows", null, grid.Rows);
            facts.Add("columns", null, grid.Columns);
            facts.Add("written", path, "out", path);
            if (sheet is not null)
                facts.Add("PCA map", parsed.GetValue(pca), "pca", parsed.GetValue(pca));
            facts.Add("time", $"{clock.Elapsed.TotalSeconds:0.0} s", "seconds", Math.Round(clock.Elapsed.TotalSeconds, 3));
            facts.Write(output);
            return ExitCode.Ok;
        });
        return command;
    }

    private static (TensorScope Scope, Clip Clip, TokenGrid Grid, Tensor Features, Picture? Sheet) Encode(
        ModelFile file, Clip clip, bool draws, Device device, Output output)
    {
        output.Line($"{ModelFacts.Name(clip.Config)} encodes {clip.Path}: {clip} ...");
        Picture[] frames = clip.Read();
        using JepaModel model = file.Load(device);
        using JepaSession session = ClipOptions.Session(model, clip);
        EncodedTokens tokens = session.EncodeFramed(frames);
        TokenGrid grid = tokens.Grid;
        var scope = new TensorScope(Device.Cpu, "encode");
        Tensor features = scope.FromRaw(tokens.Values, [grid.Count, tokens.Width]);
        Picture? sheet = draws ? PcaMap.Sheet(frames, PcaMap.Draw(tokens.Values.ToArray(), grid.Times, grid.Rows, grid.Columns)) : null;
        return (scope, clip, grid, features, sheet);
    }

    private static Dictionary<string, string> Notes(Clip clip, TokenGrid grid)
    {
        return new Dictionary<string, string>
        {
            ["model"] = ModelFacts.Name(clip.Config),
            ["frames"] = Text(clip.Frames),
            ["size"] = Text(clip.Size),
            // Token (t, row, column) is row (t * rows + row) * columns + column of the features.
            ["times"] = Text(grid.Times),
            ["rows"] = Text(grid.Rows),
            ["columns"] = Text(grid.Columns),
        };

        static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
    }
}
