using System.CommandLine;
using JepaEngine.IO;
using JepaEngine.Jepa.Checkpoints;
using JepaEngine.Jepa.Data;
using JepaEngine.Jepa.Models;
using JepaEngine.Jepa.Training;

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
                    Steps = parsed.GetValue(steps) ?? train.Steps,
                    Batch = parsed.GetValue(batch) ?? train.Batch,
                    Seed = parsed.GetValue(seed) ?? train.Seed,
                },
            };
            return Task.FromResult(Run(run, chosen, parsed.GetValue(data), goesOn, DeviceOption.Read(parsed, device), new Output(parsed.GetValue(json)),
                cancellation));
        });
        return command;
    }

    /// <summary>Says how a training run that is not complete ended.</summary>
    /// <returns>The exit code.</returns>
    public static int Explain(TrainOutcome outcome, RunFolder folder, Output output)
    {
        switch (outcome)
        {
            case TrainOutcome.Interrupted:
                output.Line($"Interrupted; saved to {folder.Model}. Go on with: jepa train {folder.Root} --resume");
                return ExitCode.Interrupted;
            case TrainOutcome.Diverged:
                Console.Error.WriteLine($"jepa: {folder.Log}: three losses in a row were not finite; lower train.learningRate or look at the data");
                return ExitCode.Numeric;
            default:
                return ExitCode.Ok;
        }
    }

    private static int Run(RunFolder folder, RunConfig config, string? data, bool resume, Device device, Output output, CancellationToken cancellation)
    {
        config.Train.Validate(config.Model.History);
        var stages = new Stages(folder, config, output);
        if (data is null && !File.Exists(folder.Episodes))
            stages.Record();
        using EpisodeFile episodes = EpisodeFile.Open(data ?? folder.Episodes);
        if (episodes.Format.ActionSize * config.Train.FrameSkip != config.Model.ActionWidth)
            throw new BadFileException(episodes.Path, $"its actions have {episodes.Format.ActionSize} numbers, {config.Train.FrameSkip} of which do not make "
                + $"model.actionWidth {config.Model.ActionWidth}; change train.frameSkip or model.actionWidth");
        if (config.Train.ScaleActions && !resume)
            config = config with { Model = config.Model with { ActionScale = episodes.ActionScale() } };
        using LeWorldModel model = resume ? LeWorldModelCheckpoint.Load(folder.Model, device) : Create(config, device);
        config.Write(folder.Config);
        output.Line($"{model.ParameterCount:N0} parameters, {episodes.Count} episodes, {device.Backend.Description}");
        TrainOutcome outcome = stages.Train(model, episodes, resume, cancellation);
        if (outcome == TrainOutcome.Completed)
            output.Line($"Saved to {folder.Model}. See what it can do: jepa eval {folder.Root}");
        return Explain(outcome, folder, output);
    }

    private static LeWorldModel Create(RunConfig config, Device device)
    {
        var model = new LeWorldModel(config.Model);
        model.Allocate(device, config.Train.Seed);
        return model;
    }

    private static RunConfig Choose(string name) => name switch
    {
        "demo" => RunConfig.Demo,
        "published" => RunConfig.Published,
        _ => RunConfig.Read(name),
    };
}
