namespace JepaEngine.Cli.Commands;

/// <summary><c>jepa runs</c>: the runs in a folder, how far they are and what is wrong.</summary>
internal static class RunsCommand
{
    public static Command Create()
    {
        var folder = new Argument<string>("FOLDER") { Description = "Folder of runs", DefaultValueFactory = _ => "runs" };
        var json = CommonOptions.Json();
        Command command = CommandLine.Verb("runs", "Lists the runs in a folder: state, step, loss, last "
            + "checkpoint, what is wrong.",
            "jepa runs runs", folder, json);
        command.SetAction(parsed => Show(RunState.Find(parsed.GetValue(folder)!), parsed.GetValue(folder)!,
            new Output(parsed.GetValue(json))));
        return command;
    }

    private static int Show(IReadOnlyList<RunState> runs, string folder, Output output)
    {
        if (runs.Count == 0)
            output.Line($"{folder} holds no run; start one: jepa train {Path.Combine(folder, "mine")}");
        else
            output.Lines(Table(runs));
        foreach (RunState run in runs)
        {
            foreach (string fault in run.Faults)
                output.Line($"  {run.Folder.Root}: {fault}");
            output.Record(Record(run));
        }
        return runs.All(run => run.Faults.Count == 0) ? ExitCode.Ok : ExitCode.CheckFailed;
    }

    /// <summary>A Markdown table, which reads well in a terminal and pastes into an issue.</summary>
    private static IEnumerable<string> Table(IReadOnlyList<RunState> runs)
    {
        int width = Math.Max("run".Length, runs.Max(run => run.Folder.Root.Length));
        yield return $"| {"run".PadRight(width)} | state     |            step |    loss | last checkpoint             | kept                   |";
        yield return $"|{new string('-', width + 2)}|-----------|----------------:|--------:|-----------------------------|------------------------|";
        foreach (RunState run in runs)
        {
            string loss = run.Loss is { } mean ? $"{mean:0.0000}" : "-";
            string last = run.Checkpoint is { } at ? $"step {at.Progress.Step}, "
                + $"{run.Saved!.Value.ToLocalTime():yyyy-MM-dd HH:mm}" : "none";
            string kept = run.Best is { } best ? $"{run.Kept.Count}, best of step {best.Progress.Step}" : "-";
            yield return $"| {run.Folder.Root.PadRight(width)} | {Name(run.Stage),-9} | {$"{run.Step}/{run.Steps}",15} | {loss,7} | {last,-27} | {kept,-22} |";
        }
    }

    private static string Record(RunState run) => new JsonObject
    {
        ["run"] = run.Folder.Root, ["state"] = Name(run.Stage), ["step"] = run.Step, ["steps"] = run.Steps, ["loss"] = run.Loss,
        ["checkpoint"] = run.Checkpoint?.Progress.Step, ["saved"] = run.Saved?.ToString("O"),
        ["kept"] = new JsonArray([.. run.Kept.Select(kept => (JsonNode)kept.Progress.Step)]), ["best"] = run.Best?.Progress.Step,
        ["faults"] = new JsonArray([.. run.Faults.Select(fault => (JsonNode)fault)]),
    }.ToJsonString();

    private static string Name(RunStage stage) => stage.ToString().ToLowerInvariant();
}
