namespace JepaEngine.Cli.Commands;

/// <summary><c>jepa demo</c>: from nothing to a world model that plans, in a minute.</summary>
internal static class DemoCommand
{
    public static Command Create()
    {
        var folder = new Option<string>("--out") { Description = "Folder of the run", DefaultValueFactory = _ => Path.Combine("runs", "demo") };
        var seed = new Option<ulong>("--seed") { Description = "Seed of data and training" };
        var steps = new Option<int>("--steps") { Description = "Training steps", DefaultValueFactory = _ => TrainOptions.Demo.Steps };
        var episodes = new Option<int>("--episodes") { Description = "Episodes to play", DefaultValueFactory = _ => 200 };
        var overwrite = new Option<bool>("--overwrite") { Description = "Replace the run that the folder holds" };
        var device = DeviceOption.Create();
        var json = CommonOptions.Json();
        Command command = CommandLine.Verb("demo", "Learns TwoRoom from pixels, plans in it, and writes a report to look at. No GPU, no network.",
            "jepa demo --out runs/demo", folder, seed, steps, episodes, overwrite, device, json);
        command.SetAction((parsed, cancellation) =>
        {
            var run = new RunFolder(parsed.GetValue(folder)!);
            var lines = new RunLines(run, new Output(parsed.GetValue(json)));
            var options = new DemoOptions
            {
                Seed = parsed.GetValue(seed), Steps = CommonOptions.Positive(parsed, steps),
                Episodes = CommonOptions.Positive(parsed, episodes), Overwrite = parsed.GetValue(overwrite), Device = DeviceOption.Read(parsed, device),
            };
            DemoResult result = DemoRun.Execute(run.Root, options, lines.Show, cancellation);
            return Task.FromResult(result.Report is { } report ? lines.Show(report) : lines.Explain(result.Outcome));
        });
        return command;
    }
}
