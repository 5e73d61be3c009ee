using System.CommandLine;
using JepaEngine.Jepa.Data;
using JepaEngine.Jepa.Models;
using JepaEngine.Jepa.Planning;
using JepaEngine.Jepa.Training;

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
        var device = DeviceOption.Create();
        var json = CommonOptions.Json();
        Command command = CommandLine.Verb("demo", "Learns TwoRoom from pixels, plans in it, and writes a report to look at. No GPU, no network.",
            "jepa demo --out runs/demo", folder, seed, steps, episodes, device, json);
        command.SetAction((parsed, cancellation) => Task.FromResult(Run(new RunFolder(parsed.GetValue(folder)!), parsed.GetValue(seed),
            CommonOptions.Positive(parsed, steps), CommonOptions.Positive(parsed, episodes), DeviceOption.Read(parsed, device), new Output(parsed.GetValue(json)),
            cancellation)));
        return command;
    }

    private static int Run(RunFolder folder, ulong seed, int steps, int episodes, Device device, Output output, CancellationToken cancellation)
    {
        var config = RunConfig.Demo with { Train = TrainOptions.Demo with { Seed = seed, Steps = steps } };
        var stages = new Stages(folder, config, output);
        using var model = new LeWorldModel(config.Model);
        model.Allocate(device, seed);
        output.Line($"A world model of {model.ParameterCount:N0} parameters learns TwoRoom on "
            + $"{device.Backend.Description}.");
        output.Line($"Recording {Stages.RecordedEpisodes} episodes of random moves ...");
        stages.Record();
        config.Write(folder.Config);
        using EpisodeFile recorded = EpisodeFile.Open(folder.Episodes);
        TrainOutcome outcome = stages.Train(model, recorded, resume: false, cancellation);
        if (outcome != TrainOutcome.Completed)
            return TrainCommand.Explain(outcome, folder, output);
        return EvalCommand.Finish(folder, config, model, stages, new ClosedLoopOptions { Episodes = episodes }, output, cancellation);
    }
}
