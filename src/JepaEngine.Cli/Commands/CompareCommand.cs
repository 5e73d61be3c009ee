namespace JepaEngine.Cli.Commands;

/// <summary><c>jepa compare</c>: what got faster and what slower between two builds, measured by turns on this machine.</summary>
internal static class CompareCommand
{
    public static Command Create()
    {
        var before = new Argument<string>("A") { Description = "The build before: a folder with jepa.dll or jepa, or such a file; or results, a .jsonl of --out" };
        var after = new Argument<string>("B") { Description = "The build after, or its results" };
        var grid = new GridOptions();
        var threshold = new Option<double>("--threshold") { Description = "The smallest difference that matters, in percent", DefaultValueFactory = _ => 5 };
        var to = new Option<string?>("--out") { Description = "Folder for the samples: before.jsonl and after.jsonl, which can be compared again" };
        var markdown = new Option<bool>("--md") { Description = "Write Markdown" };
        var json = CommonOptions.Json();
        Command command = CommandLine.Verb("compare",
            "Measures two builds by turns: same, faster, slower or ambiguous, and why; exit code 1 only where something is slower.",
            "jepa compare main/bin branch/bin --op LayerNorm,Linear --threshold 3", [before, after, .. grid.All, threshold, to, markdown, json]);
        command.SetAction(async (parsed, cancellation) =>
        {
            double percent = parsed.GetValue(threshold);
            if (!(percent > 0 && double.IsFinite(percent)))
                throw new UsageException("--threshold is a number of percent above 0");
            (string first, string second) = (parsed.GetValue(before)!, parsed.GetValue(after)!);
            string[] given = [.. grid.Given(parsed)];
            string? folder = parsed.GetValue(to);
            var output = new Output(parsed.GetValue(json));
            if (BuildProcess.IsResults(first) != BuildProcess.IsResults(second))
                throw new UsageException("A and B are two builds, or two results files (.jsonl)");
            if (!BuildProcess.IsResults(first))
            {
                if (folder is not null)
                    AtomicFile.Check(Path.Combine(folder, "before.jsonl"));
                var builds = new BuildTurns(first, second, given);
                var runs = new TurnRuns(rows => builds.Measure(rows, cancellation), percent / 100);
                Comparison measured = await runs.Run();
                if (folder is not null)
                {
                    BenchFile.Write(Path.Combine(folder, "before.jsonl"), runs.Before);
                    BenchFile.Write(Path.Combine(folder, "after.jsonl"), runs.After);
                }
                int code = Write(measured, builds.Skipped, output, parsed.GetValue(markdown));
                foreach (string fault in builds.Faults)
                    await Console.Error.WriteLineAsync($"jepa: {fault}");
                return code == ExitCode.Ok && builds.Faults.Count > 0 ? ExitCode.BadInput : code;
            }
            if (given.Length > 0 || folder is not null)
                throw new UsageException($"{given.FirstOrDefault("--out")} is for measuring two builds; results files hold what was measured: leave it out");
            BenchFile one = BenchFile.Read(first), other = BenchFile.Read(second);
            Comparison comparison = Comparison.Of(one.Records, other.Records, percent / 100);
            if (comparison.Cases.Count == 0)
                throw new BadFileException(second, $"it has no case in common with {first}, so that there is nothing to compare");
            return Write(comparison, one.Skipped + other.Skipped, output, parsed.GetValue(markdown));
        });
        return command;
    }

    /// <returns>The exit code.</returns>
    private static int Write(Comparison comparison, int skipped, Output output, bool isMarkdown)
    {
        foreach (CaseComparison item in comparison.Cases)
            output.Record(Record(item).ToJsonString());
        output.Lines(isMarkdown ? comparison.Markdown() : comparison.Plain());
        output.Line();
        WriteOnly("before", comparison.OnlyBefore);
        WriteOnly("after", comparison.OnlyAfter);
        var counts = Enum.GetValues<Verdict>().Select(verdict => (Name: verdict.ToString().ToLowerInvariant(), Count: comparison.Count(verdict))).ToArray();
        output.Line(string.Join(", ", counts.Select(item => $"{item.Count} {item.Name}")) + ".");
        if (skipped > 0)
            output.Line($"{skipped} damaged lines of the files were skipped.");
        output.Record(new JsonObject([.. counts.Select(item => KeyValuePair.Create(item.Name, (JsonNode?)item.Count)),
            new("skipped", skipped)]).ToJsonString());
        return comparison.Count(Verdict.Slower) == 0 ? ExitCode.Ok : ExitCode.CheckFailed;

        void WriteOnly(string where, IEnumerable<BenchRecord> records)
        {
            foreach (BenchRecord record in records)
            {
                output.Line($"only {where}: {record.Label}{(record.Cold ? "" : " warm")}");
                JsonObject line = Place(record);
                line["only"] = where;
                output.Record(line.ToJsonString());
            }
        }
    }

    private static JsonObject Record(CaseComparison item)
    {
        JsonObject line = Place(item.Before);
        line["before"] = item.Before.P50;
        line["after"] = item.After.P50;
        line["ratio"] = item.Ratio;
        line["noise"] = item.Noise;
        line["verdict"] = item.Verdict.ToString().ToLowerInvariant();
        line["reason"] = item.Reason;
        return line;
    }

    private static JsonObject Place(BenchRecord record) => new()
    {
        ["case"] = record.Case, ["pass"] = record.Pass, ["device"] = record.Device, ["dtype"] = record.DType,
        ["threads"] = record.Threads, ["cold"] = record.Cold,
    };
}
