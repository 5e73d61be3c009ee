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
        var resume = new Option<bool>("--resume") { Description = "Go on with the run in RUN from its "
            + "checkpoint, to the same bits on the same kind of device" };
        var overwrite = new Option<bool>("--overwrite") { Description = "Replace the run in RUN; it stays until the "
            + "first checkpoint of the new one" };
        var every = new Option<int?>("--checkpoint-every") { Description = "Steps from one checkpoint to the next" };
        var minutes = new Option<double>("--checkpoint-minutes")
        {
            Description = "The longest time between two checkpoints", DefaultValueFactory = _ => new RunFolderOptions().CheckpointInterval.TotalMinutes,
        };
        var keep = new Option<int>("--keep")
        {
            Description = "Checkpoints to keep: the latest, and beside them the best, in RUN/checkpoints", DefaultValueFactory = _ => 1,
        };
        var device = DeviceOption.Create();
        var json = CommonOptions.Json();
        Command command = CommandLine.Verb("train", "Trains a LeWorldModel on recorded episodes. Ctrl-C saves and exits with 7.",
            "jepa train runs/mine --config demo --steps 400 --checkpoint-every 100", folder, config, data, steps, batch, seed, resume,
            overwrite, every, minutes, keep, device, json);
        command.SetAction((parsed, cancellation) =>
        {
            var run = new RunFolder(parsed.GetValue(folder)!);
            var options = new RunFolderOptions
            {
                Data = parsed.GetValue(data), Resume = parsed.GetValue(resume), Overwrite = parsed.GetValue(overwrite),
                CheckpointEvery = CommonOptions.Positive(parsed, every), CheckpointInterval = Minutes(parsed.GetValue(minutes)),
                Keep = CommonOptions.Positive(parsed, keep),
            };
            RunConfig chosen = options.Resume && parsed.GetValue(config) is null
                ? run.ReadConfig()
                : Choose(parsed.GetValue(config) ?? "demo");
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
            TrainOutcome outcome = training.Train(options, cancellation);
            if (outcome == TrainOutcome.Completed)
                output.Line($"Saved to {run.Model}. See what it can do: jepa eval {run.Root}");
            return Task.FromResult(lines.Explain(outcome));
        });
        return command;
    }

    private static TimeSpan Minutes(double minutes) => minutes is > 0 and < 1e6
        ? TimeSpan.FromMinutes(minutes)
        : throw new UsageException($"--checkpoint-minutes is {minutes}; it is above 0 and below a million");

    private static RunConfig Choose(string name) => name switch
    {
        "demo" => RunConfig.Demo,
        "published" => RunConfig.Published,
        _ => RunConfig.Read(name),
    };
}
