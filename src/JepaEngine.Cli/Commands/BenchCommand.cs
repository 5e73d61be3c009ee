using System.CommandLine;
using JepaEngine.Jepa.Benchmarking;

namespace JepaEngine.Cli.Commands;

/// <summary><c>jepa bench</c>: how fast operations and models run here, how far that is from the machine's limits, and from a peer.</summary>
internal static class BenchCommand
{
    /// <summary>Of the minute that a quick run may take: the rest is the start and what a busy machine adds.</summary>
    private static readonly TimeSpan QuickBudget = TimeSpan.FromSeconds(50);

    public static Command Create()
    {
        var grid = new GridOptions();
        var quick = new Option<bool>("--quick") { Description = "What a step spends its time in, at 256 tokens, within a minute" };
        var peer = new Option<string?>("--peer") { Description = "JSON lines of a peer on the same work: fills the reference column" };
        var turns = new Option<string?>("--turns") { Description = "The comparison that paces it through its input and output", Hidden = true };
        var only = new Option<string[]>("--row") { Description = "Measure only this row of the grid, named as compare does", Hidden = true };
        var to = new Option<string?>("--out") { Description = "File for the JSON lines, one a row with every sample" };
        var markdown = new Option<bool>("--md") { Description = "Write Markdown" };
        var csv = new Option<bool>("--csv") { Description = "Write comma-separated values" };
        var json = CommonOptions.Json();
        Command command = CommandLine.Verb("bench", "Measures operations and models: times and their noise, rates, the share of the limit measured in the same run.",
            "jepa bench --op MatMul,Attention --tokens 256,2048 --threads 1,2 --md", [.. grid.All, quick, turns, only, peer, to, markdown, csv, json]);
        command.Add(HistoryCommand.Create());
        command.Add(TablesCommand.Create());
        command.SetAction(async (parsed, cancellation) =>
        {
            bool isQuick = parsed.GetValue(quick);
            BenchGrid rows = grid.Read(parsed, isQuick) with { Rows = parsed.GetValue(only) ?? [] };
            // A file that cannot be read is told before the minutes pass, not after.
            BenchFile? other = parsed.GetValue(peer) is { } file ? BenchFile.Read(file) : null;
            var options = new BenchOptions(!grid.IsWarm(parsed), isQuick ? QuickBudget : null);
            (IReadOnlyList<BenchRecord> records, string[] faults) = await Interruptible.Run(() => Measure(rows, options, parsed.GetValue(turns), cancellation), cancellation);
            records = [.. records.Select(record => other is null ? record : record with { References = [.. record.References, .. other.For(record)] })];
            if (parsed.GetValue(to) is { } path)
                BenchFile.Write(path, records);
            Write(records, other, new Output(parsed.GetValue(json)), parsed.GetValue(markdown), parsed.GetValue(csv));
            foreach (string fault in faults)
                await Console.Error.WriteLineAsync($"jepa: {fault}");
            return faults.Length == 0 ? ExitCode.Ok : ExitCode.CheckFailed;
        });
        return command;
    }

    private static (IReadOnlyList<BenchRecord> Records, string[] Faults) Measure(BenchGrid grid, BenchOptions options, string? turns, CancellationToken cancellation)
    {
        using var runner = new BenchRunner(grid.Cases(), options);
        BenchMachine machine = BenchMachine.Of(Machine.Processor(), grid.Devices);
        Action<int> visited = turns is null ? new Progress("visit", runner.Visits).Done : new TurnClient(Console.In, Console.Out, runner.Visits).Done;
        if (turns is not null)
            visited(-1);
        IReadOnlyList<BenchRecord> records = [.. runner.Run(machine, visited, cancellation).Select(record => record with { Turns = turns })];
        return (records, [.. runner.Faults.Select(row => $"{row.Case.Name} ({row.Case.Pass}) on {row.Case.Device} was not measured: {row.Fault.ReplaceLineEndings(" ")}")]);
    }

    private static void Write(IReadOnlyList<BenchRecord> records, BenchFile? peer, Output output, bool isMarkdown, bool isCsv)
    {
        if (records.Count == 0)
            return;
        foreach (BenchRecord record in records)
            output.Record(record.ToJson());
        if (isCsv)
        {
            foreach (string line in BenchTable.Csv(records))
                output.Line(line);
            return;
        }
        foreach (string line in records[0].Machine!.Lines().Concat(BenchTable.Peaks(records)))
            output.Line(line);
        output.Line();
        foreach (string line in isMarkdown ? BenchTable.Markdown(records) : BenchTable.Plain(records))
            output.Line(line);
        output.Line();
        output.Line($"FLOPs and bytes are analytic; % peak is of the peak above that bounds the row; operands {(records[0].Cold ? "come from memory" : "may lie in caches")}.");
        if (records.Any(record => record.IsSimulated))
            output.Line("The simulator's times mean nothing: only what it counts is shown.");
        if (peer is { Skipped: > 0 })
            output.Line($"{peer.Skipped} damaged lines of the peer's file were skipped.");
    }
}
