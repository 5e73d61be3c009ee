using JepaEngine.Cuda.Driver;
using JepaEngine.Cuda.Simulation;

namespace JepaEngine.Cli.Commands;

/// <summary><c>jepa gate</c>: what every machine counts alike may not grow unseen.</summary>
internal static class GateCommand
{
    public static Command Create()
    {
        var root = new Option<string>("--root") { Description = "The repository, with benchmarks/counters.txt and kernels/resources.txt", DefaultValueFactory = _ => "." };
        var bundle = new Option<string?>("--bundle") { Description = "A published folder, whose size counts too" };
        var accept = new Option<bool>("--accept") { Description = "Rewrite benchmarks/counters.txt with what was counted" };
        var json = CommonOptions.Json();
        Command command = CommandLine.Verb("gate",
            "Counts launches, bytes moved, managed bytes, tensor memory, registers and package sizes; exit code 1 where one is more than accepted.",
            "jepa gate --bundle artifacts/gpu-bundle", root, bundle, accept, json);
        command.SetAction(parsed =>
        {
            string folder = parsed.GetValue(root)!, path = Path.Combine(folder, "benchmarks", "counters.txt");
            // A file that cannot be read is told before the counting, not after.
            CounterTable accepted = CounterTable.Read(path), counted = new();
            Counters.CountKernels(Path.Combine(folder, "kernels", "resources.txt"), counted);
            Dictionary<string, string> skipped = Count(counted, parsed.GetValue(bundle));
            IReadOnlyList<CounterChange> changes = accepted.Changes(counted, skipped.Keys);
            var output = new Output(parsed.GetValue(json));
            Write(changes, skipped, output);
            if (!parsed.GetValue(accept))
                return changes.Any(change => change.Fails) ? ExitCode.CheckFailed : ExitCode.Ok;
            foreach (CounterChange change in changes.Where(change => change.Verdict == CounterVerdict.Skipped))
                counted.Values[change.Name] = change.Accepted!.Value;
            counted.Write(path);
            output.Line($"{path} accepts this.");
            return ExitCode.Ok;
        });
        return command;
    }

    /// <summary>Counts what can be counted here.</summary>
    /// <returns>The groups that cannot, each with the reason.</returns>
    private static Dictionary<string, string> Count(CounterTable counted, string? bundle)
    {
        var skipped = new Dictionary<string, string>();
        // First: its peak is the most of the process.
        Counters.CountHost(counted);
        try
        {
            HostCompiler.Find();
            Counters.CountSimulator(counted);
        }
        catch (CudaException error) when (!counted.Values.Keys.Any(name => name.StartsWith("sim.", StringComparison.Ordinal)))
        {
            skipped["sim"] = error.Message;
        }
        try
        {
            Counters.CountPackages(AppContext.BaseDirectory, counted);
        }
        catch (FileNotFoundException error)
        {
            skipped["package"] = error.Message;
        }
        if (bundle is null)
            skipped["bundle"] = "no folder is given (--bundle)";
        else
            Counters.CountBundle(bundle, counted);
        return skipped;
    }

    private static void Write(IReadOnlyList<CounterChange> changes, Dictionary<string, string> skipped, Output output)
    {
        output.Line($"{"counter",-32} {"accepted",14} {"counted",14}  verdict");
        foreach (CounterChange change in changes)
        {
            string verdict = change.Verdict.ToString().ToLowerInvariant();
            output.Line($"{change.Name,-32} {Text(change.Accepted),14} {Text(change.Counted),14}  {verdict}");
            output.Record(new JsonObject
            {
                ["counter"] = change.Name, ["accepted"] = change.Accepted, ["counted"] = change.Counted, ["verdict"] = verdict,
            }.ToJsonString());
        }
        foreach ((string group, string reason) in skipped)
            output.Line($"{group}.* was not counted: {reason.ReplaceLineEndings(" ")}");
        CounterChange[] toAccept = [.. changes.Where(change => change.Verdict is not (CounterVerdict.Same or CounterVerdict.Skipped))];
        if (toAccept.Length == 0)
            return;
        output.Line();
        output.Line("To accept, in benchmarks/counters.txt (jepa gate --accept writes it):");
        foreach (CounterChange change in toAccept)
            output.Line($"    {change.Line ?? $"without {change.Name}"}");
    }

    private static string Text(long? value) => value is { } number ? FormattableString.Invariant($"{number}") : "-";
}
