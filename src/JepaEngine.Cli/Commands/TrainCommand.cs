namespace JepaEngine.Cli.Commands;

/// <summary><c>jepa train</c>: trains a world model into a run folder.</summary>
internal static class TrainCommand
{
    public static Command Create()
    {
        Argument<string> folder = CommonOptions.Run();
        var config = new Option<string?>("--config") { Description = "demo, published, or a JSON file {\"model\": {..}, \"train\": {..}, \"planner\": {..}}" };
        var data = new Option<string?>("--data") { Description = "Episode file to learn from; without it TwoRoom episodes are recorded into RUN" };
        var steps = new Option<int?>("--steps") { Description = "Training steps, instead of the configuration's" };
        var batch = new Option<int?>("--batch") { Description = "Windows a step, instead of the configuration's" };
        var seed = new Option<ulong?>("--seed") { Description = "Seed, instead of the configuration's" };
        var resume = new Option<bool>("--resume") { Description = "Go on where the run in RUN stopped" };
        var device = DeviceOption.Create();
        var json = CommonOptions.Json();
        Command command = CommandLine.Verb("train", "Trains a LeWorldModel on recorded episodes. Ctrl-C saves and exits with 7.",
            "jepa train runs/mine --config demo --steps 400", folder, config, data, steps, batch, seed, resume, device, json);
        command.SetAction((parsed, cancellation) =>
        {
            var run = new RunFolder(parsed.GetValue(folder)!);
            bool goesOn = parsed.GetValue(resume);
            RunConfig chosen = goesOn ? RunConfig.Read(run.Config) : Choose(parsed.GetValue(config) ?? "demo");
            TrainOptions train = chosen.Train;
            chosen = chosen with
            {
                Train = train with
                {
                    Steps = parsed.GetValue(steps) ?? train.Steps, Batch = parsed.GetValue(batch) ?? train.Batch,
                    Seed = parsed.GetValue(seed) ?? train.Seed,
                },
            };
            var output = new Output(parsed.GetValue(json));
            var lines = new RunLines(run, output);
            using var training = new TwoRoomRun(run, chosen, DeviceOption.Read(parsed, device), lines.Show);
            TrainOutcome outcome = training.Train(parsed.GetValue(data), goesOn, cancellation);
            if (outcome == TrainOutcome.Completed)
                output.Line($"Saved to {run.Model}. See what it can do: jepa eval {run.Root}");
            return Task.FromResult(lines.Explain(outcome));
        });
        return command;
    }

    private static RunConfig Choose(string name) => name switch
    {
        "demo" => RunConfig.Demo,
        "published" => RunConfig.Published,
        _ => RunConfig.Read(name),
    };
}
