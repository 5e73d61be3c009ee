namespace JepaEngine.Cli.Commands;

/// <summary><c>jepa bench history</c>: what committed runs say of each case over time, as pictures and a table.</summary>
internal static class HistoryCommand
{
    public static Command Create()
    {
        var results = new Option<string>("--results") { Description = "Folder of what jepa bench --out wrote", DefaultValueFactory = _ => Path.Combine("benchmarks", "results") };
        var to = new Option<string>("--out") { Description = "Folder for the pictures, an SVG a case and machine", DefaultValueFactory = _ => Path.Combine("runs", "history") };
        var op = new Option<string?>("--case") { Description = "Only cases whose name contains this" };
        var json = CommonOptions.Json();
        Command command = CommandLine.Verb("history", "Draws each case over all committed runs, with the band of its noise.",
            "jepa bench history --case Attention --out runs/history", results, to, op, json);
        command.SetAction(parsed =>
        {
            string folder = parsed.GetValue(results)!;
            BenchFile file = BenchFile.ReadFolder(folder);
            IReadOnlyList<BenchHistory> histories = BenchHistory.Of(file.Records.Where(record =>
                record.Case.Contains(parsed.GetValue(op) ?? "", StringComparison.OrdinalIgnoreCase)));
            if (histories.Count == 0)
                throw new BadFileException(folder, $"its files hold no record that was asked for ({file.Skipped} damaged lines)");
            foreach (BenchHistory history in histories)
                AtomicFile.WriteText(Path.Combine(parsed.GetValue(to)!, history.FileName + ".svg"), HistoryChart.Draw(history));
            var output = new Output(parsed.GetValue(json));
            output.Lines(HistoryTable.Plain(histories));
            foreach ((BenchHistory history, HistoryLine line) in histories.SelectMany(history => history.Lines.Select(line => (history, line))))
                output.Record(Record(history, line).ToJsonString());
            output.Line();
            output.Line(string.Create(CultureInfo.InvariantCulture, $"{histories.Count} pictures in {parsed.GetValue(to)}; a change below its noise is none, and one between two days may be the machine's:"));
            output.Line("jepa compare BUILD BUILD runs both by turns.");
            if (file.Skipped > 0)
                output.Line($"{file.Skipped} damaged lines were skipped.");
        });
        return command;
    }

    private static JsonObject Record(BenchHistory history, HistoryLine line) => new()
    {
        ["case"] = history.Case, ["pass"] = history.Pass, ["machine"] = history.Machine, ["line"] = line.Name,
        ["runs"] = line.Records.Count, ["first"] = line.Records[0].P50, ["last"] = line.Records[^1].P50,
        ["noise"] = line.Records[^1].Noise, ["picture"] = history.FileName + ".svg",
    };
}
