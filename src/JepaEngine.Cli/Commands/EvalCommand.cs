using JepaEngine.Jepa.Planning;

namespace JepaEngine.Cli.Commands;

/// <summary><c>jepa eval</c>: plays seeded episodes with a trained model and writes the report.</summary>
internal static class EvalCommand
{
    public static Command Create()
    {
        Argument<string> folder = CommonOptions.Run();
        var episodes = new Option<int>("--episodes") { Description = "Episodes to play", DefaultValueFactory = _ => 200 };
        var budget = new Option<int>("--budget") { Description = "Environment steps of an episode", DefaultValueFactory = _ => 100 };
        var seed = new Option<ulong>("--seed") { Description = "Seed of starts, goals and planning", DefaultValueFactory = _ => 1 };
        var device = DeviceOption.Create();
        var json = CommonOptions.Json();
        Command command = CommandLine.Verb("eval", "Plans to goal pictures in closed loop, beside a random policy and the expert on the same episodes.",
            "jepa eval runs/demo --episodes 200", folder, episodes, budget, seed, device, json);
        command.SetAction((parsed, cancellation) =>
        {
            var run = new RunFolder(parsed.GetValue(folder)!);
            RunConfig config = run.ReadConfig();
            var options = new ClosedLoopOptions
            {
                Episodes = CommonOptions.Positive(parsed, episodes), Budget = CommonOptions.Positive(parsed, budget),
                Seed = parsed.GetValue(seed),
            };
            var lines = new RunLines(run, new Output(parsed.GetValue(json)));
            using var trained = new TwoRoomRun(run, config, DeviceOption.Read(parsed, device), lines.Show);
            return Task.FromResult(lines.Show(trained.Evaluate(options, cancellation)));
        });
        return command;
    }
}
