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
        var budget = new Option<double?>("--budget")
        {
            Description = "Seconds it may take: as many rounds as fit, at least one",
        };
        var limit = LimitOption.Create("a row at a time");
        var from = new Option<string?>("--from")
        {
            Description = "Show these records of 'jepa bench --out' instead of measuring",
        };
        var peer = new Option<string?>("--peer") { Description = "JSON lines of a peer on the same work: fills the reference column" };
        var turns = new Option<string?>("--turns") { Description = "The comparison that paces it through its input and output", Hidden = true };
        var paced = new Option<bool>("--paced")
        {
            Description = "Ask for each visit, and tell what it gave, through input and output", Hidden = true,
        };
        var only = new Option<string[]>("--row") { Description = "Measure only this row of the grid, named as compare does", Hidden = true };
        var to = new Option<string?>("--out")
        {
            Description = "File for the JSON lines, one a row with every sample, written as rows are known",
        };
        var markdown = new Option<bool>("--md") { Description = "Write Markdown" };
        var csv = new Option<bool>("--csv") { Description = "Write comma-separated values" };
        var json = CommonOptions.Json();
        Command command = CommandLine.Verb("bench", "Measures operations and models: times and their noise, rates, the share of the limit measured in the same run.",
            "jepa bench --op MatMul,Attention --tokens 256,2048 --threads 1,2 --md",
            [.. grid.All, quick, budget, limit, from, turns, paced, only, peer, to, markdown, csv, json]);
        command.Add(HistoryCommand.Create());
        command.Add(TablesCommand.Create());
        command.SetAction(async (parsed, cancellation) =>
        {
            bool isQuick = parsed.GetValue(quick);
            BenchGrid rows = grid.Read(parsed, isQuick) with { Rows = parsed.GetValue(only) ?? [] };
            TimeSpan? most = LimitOption.Read(parsed, budget) ?? (isQuick ? QuickBudget : null);
            TimeSpan longest = LimitOption.Read(parsed, limit);
            // A file that cannot be read is told before the minutes pass, not after.
            BenchFile? other = parsed.GetValue(peer) is { } file ? BenchFile.Read(file) : null;
            var known = new KnownRecords(parsed.GetValue(to), other);
            var output = new Output(parsed.GetValue(json));
            if (parsed.GetValue(from) is { } measured)
            {
                if (grid.Given(parsed).Any() || isQuick)
                    throw new UsageException(
                        "--from shows what was measured; the other options are for measuring: leave one out");
                BenchFile shown = BenchFile.Read(measured);
                if (shown.Records.Count == 0)
                    throw new BadFileException(measured, "it holds no record of 'jepa bench --out'");
                foreach (BenchRecord record in shown.Records)
                    known.Add(record);
                Write(known.Records, other, output, parsed.GetValue(markdown), parsed.GetValue(csv));
                if (shown.Skipped > 0)
                    output.Line($"{shown.Skipped} damaged lines of {measured} were skipped.");
                return ExitCode.Ok;
            }
            bool isPaced = parsed.GetValue(paced) || parsed.GetValue(turns) is not null;
            IReadOnlyList<BenchCase> cases = rows.Cases();
            known.TryFile();
            try
            {
                var options = new BenchOptions(!grid.IsWarm(parsed), most);
                string? comparison = parsed.GetValue(turns);
                string[] given = [.. grid.Given(parsed), .. isQuick ? ["--quick"] : (string[])[]];
                string[] labels = [.. cases.Select(row => row.Label)];
                IReadOnlyList<string> faults = isPaced || rows.Devices.All(device => device.IsHost)
                    ? await Interruptible.Run(
                        () => Measure(cases, rows.Devices, options, comparison, isPaced, known, cancellation),
                        cancellation)
                    : await new BenchProcesses(given, labels, longest, most, known).Run(cancellation);
                foreach (string fault in faults)
                    await Console.Error.WriteLineAsync($"jepa: {fault}");
                return faults.Count == 0 ? ExitCode.Ok : ExitCode.CheckFailed;
            }
            finally
            {
                // Also of a run that is interrupted.
                Write(known.Records, other, output, parsed.GetValue(markdown), parsed.GetValue(csv));
                known.Write();
            }
        });
        return command;
    }

    private static IReadOnlyList<string> Measure(
        IReadOnlyList<BenchCase> cases, IReadOnlyList<Device> devices, BenchOptions options, string? turns,
        bool isPaced, KnownRecords known, CancellationToken cancellation)
    {
        using var runner = new BenchRunner(cases, options);
        BenchMachine machine = BenchMachine.Of(MachineFacts.ProcessorName(), devices);
        Action<int> done = isPaced
            ? new TurnClient(Console.In, Console.Out, runner.Visits).Done
            : new Progress("visit", runner.Visits).Done;
        if (isPaced)
            done(-1);
        foreach (BenchRecord record in runner.Run(machine, Visited, cancellation))
            known.Add(record with { Turns = turns });
        foreach ((BenchCase failed, _) in runner.Faults)
            known.Remove(failed.Label);
        return
        [
            .. runner.Faults.Select(row => $"{row.Case.Name} ({row.Case.Pass}) on {row.Case.Device} was not measured: "
                + row.Fault.ReplaceLineEndings(" ")),
        ];

        void Visited(int visit)
        {
            if (runner.RecordOf(visit) is { } record)
            {
                known.Add(record);
                // Whoever paces it keeps what it says, should this process not live to say it at its end.
                if (isPaced && turns is null)
                    Console.Out.WriteLine(record.ToJson());
            }
            done(visit);
        }
    }

    private static void Write(IReadOnlyList<BenchRecord> records, BenchFile? peer, Output output, bool isMarkdown, bool isCsv)
    {
        if (records.Count == 0)
            return;
        foreach (BenchRecord record in records)
            output.Record(record.ToJson());
        if (isCsv)
        {
            output.Lines(BenchTable.Csv(records));
            return;
        }
        output.Lines(records[0].Machine!.Lines().Concat(BenchTable.Peaks(records)));
        output.Line();
        output.Lines(isMarkdown ? BenchTable.Markdown(records) : BenchTable.Plain(records));
        output.Line();
        output.Line($"FLOPs and bytes are analytic; % peak is of the peak above that bounds the row; operands {(records[0].Cold ? "come from memory" : "may lie in caches")}.");
        if (records.Any(record => record.IsSimulated))
            output.Line("The simulator's times mean nothing: only what it counts is shown.");
        if (peer is { Skipped: > 0 })
            output.Line($"{peer.Skipped} damaged lines of the peer's file were skipped.");
    }
}
