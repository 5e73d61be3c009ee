using System.CommandLine;
using JepaEngine.IO;
using JepaEngine.Jepa.Checkpoints;
using JepaEngine.Jepa.Models;
using JepaEngine.Jepa.Planning;
using JepaEngine.Jepa.Reporting;
using JepaEngine.Jepa.Training;

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
            var output = new Output(parsed.GetValue(json));
            RunConfig config = RunConfig.Read(run.Config);
            using LeWorldModel model = LeWorldModelCheckpoint.Load(run.Model, DeviceOption.Read(parsed, device));
            var options = new ClosedLoopOptions
            {
                Episodes = CommonOptions.Positive(parsed, episodes),
                Budget = CommonOptions.Positive(parsed, budget),
                Seed = parsed.GetValue(seed),
            };
            return Task.FromResult(Finish(run, config, model, new Stages(run, config, output), options, output, cancellation));
        });
        return command;
    }

    /// <summary>Probes, plays, and writes table and report.</summary>
    /// <returns>The exit code: a figure outside its accepted range is a failed check.</returns>
    public static int Finish(RunFolder folder, RunConfig config, LeWorldModel model, Stages stages, ClosedLoopOptions options, Output output,
        CancellationToken cancellation)
    {
        ModelDiagnostics diagnostics = stages.Diagnose(model);
        using var planner = new LatentPlanner(new LeWorldModelAdaptor(model), config.Planner);
        var policies = stages.Evaluate(model, options with { Traced = ReportBuilder.Traces }, cancellation);
        DemoReportData data = new ReportBuilder(folder, config, model, planner, diagnostics, stages).Build(policies);
        AtomicFile.WriteText(folder.Data, data.ToJson());
        ReportCommand.Render(folder, data);
        output.Line();
        foreach (string line in SuccessTable.Lines(data))
            output.Line(line);
        output.Line();
        output.Line($"Report: {Path.GetFullPath(folder.Report)}");
        foreach (PolicyResult policy in data.Policies)
            foreach (GroupResult group in policy.Groups)
                output.Record(SuccessTable.Record(policy, group));
        return data.Checks.All(check => check.Passed) ? ExitCode.Ok : ExitCode.CheckFailed;
    }
}
