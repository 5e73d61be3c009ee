namespace JepaEngine.Cli.Commands;

/// <summary><c>jepa classify</c>: what a video shows, by a model with a classifier or one of Meta's evaluations.</summary>
internal static class ClassifyCommand
{
    public static Command Create()
    {
        var model = new ModelOptions();
        var clips = new ClipOptions();
        var input = new Argument<string>("INPUT") { Description = "Video, folder of frames or picture; "
            + "all but PNG needs ffmpeg" };
        var top = new Option<int>("--top") { Description = "How many of the likeliest labels to show", DefaultValueFactory = _ => 5 };
        var device = DeviceOption.Create();
        var json = CommonOptions.Json();
        Command command = CommandLine.Verb("classify", "Says what a video shows: the likeliest labels and their probabilities.",
            "jepa classify facebook/vjepa2-vitl-fpc16-256-ssv2 clip.mp4 --top 3", [model.Model, input, top, .. clips.Options, device, json, .. model.Options]);
        command.SetAction(async (parsed, cancellation) =>
        {
            var output = new Output(parsed.GetValue(json));
            int count = CommonOptions.Positive(parsed, top);
            Device where = DeviceOption.Read(parsed, device);
            (ProbeConfig probe, ClassScore[] scores) = await Interruptible.Run(() =>
            {
                using ModelFile file = model.Open(parsed);
                if (file.Config.Probe is null)
                    throw new BadFileException(file.File.Path, "it has no classifier; put one of Meta's evaluations on top (--probe FILE)");
                return (file.Config.Probe, Classify(file, clips.Read(parsed, parsed.GetValue(input)!, file), count, where, output));
            }, cancellation);
            foreach (IGrouping<string, ClassScore> head in scores.GroupBy(score => score.Head))
                Show(head, probe, output);
            return ExitCode.Ok;
        });
        return command;
    }

    private static ClassScore[] Classify(ModelFile file, Clip clip, int top, Device device, Output output)
    {
        output.Line($"{ModelFacts.Name(file.Config)} looks at {clip.Path}: {clip} ...");
        var clock = Stopwatch.StartNew();
        using JepaModel model = file.Load(device);
        using JepaSession session = ClipOptions.Session(model, clip);
        ClassScore[] scores = session.ClassifyFramed(clip.Read(), top);
        output.Line($"It took {clock.Elapsed.TotalSeconds:0.0} s.");
        return scores;
    }

    private static void Show(IGrouping<string, ClassScore> head, ProbeConfig probe, Output output)
    {
        bool named = probe.Labels.Length > 0;
        output.Line();
        output.Line($"{(probe.Classes.Length == 1 ? "probability" : $"{head.Key,11}")}  class{(named ? "  label" : "")}");
        foreach (ClassScore score in head)
        {
            output.Line($"{score.Probability,11:0.0000}  {score.Class,5}{(named ? $"  {score.Label}" : "")}");
            output.Record(new JsonObject
            {
                ["head"] = score.Head, ["class"] = score.Class, ["label"] = named ? score.Label : null,
                ["probability"] = score.Probability,
            }.ToJsonString());
        }
    }
}
