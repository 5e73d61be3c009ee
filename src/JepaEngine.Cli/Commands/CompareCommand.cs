using System.CommandLine;
using System.Text.Json.Nodes;
using JepaEngine.IO;
using JepaEngine.Jepa.Benchmarking;

namespace JepaEngine.Cli.Commands;

/// <summary><c>jepa compare</c>: what got faster and what slower between two runs of <c>jepa bench</c> on one machine.</summary>
internal static class CompareCommand
{
    public static Command Create()
    {
        var before = new Argument<string>("A") { Description = "What jepa bench --out wrote before" };
        var after = new Argument<string>("B") { Description = "What it wrote after" };
        var threshold = new Option<double>("--threshold") { Description = "The smallest difference that matters, in percent", DefaultValueFactory = _ => 5 };
        var markdown = new Option<bool>("--md") { Description = "Write Markdown" };
        var json = CommonOptions.Json();
        Command command = CommandLine.Verb("compare",
            "Compares two runs of jepa bench: same, faster, slower or ambiguous, and why; exit code 1 only where something is slower.",
            "jepa compare before.jsonl after.jsonl --threshold 3", before, after, threshold, markdown, json);
        command.SetAction(parsed =>
        {
            double percent = parsed.GetValue(threshold);
            if (!(percent > 0 && double.IsFinite(percent)))
                throw new UsageException("--threshold is a number of percent above 0");
            BenchFile first = BenchFile.Read(parsed.GetValue(before)!), second = BenchFile.Read(parsed.GetValue(after)!);
            Comparison comparison = Comparison.Of(first.Records, second.Records, percent / 100);
            if (comparison.Cases.Count == 0)
                throw new BadFileException(parsed.GetValue(after)!,
                    $"it has no case in common with {parsed.GetValue(before)}, so that there is nothing to compare");
            Write(comparison, first.Skipped + second.Skipped, new Output(parsed.GetValue(json)), parsed.GetValue(markdown));
            return comparison.Count(Verdict.Slower) == 0 ? ExitCode.Ok : ExitCode.CheckFailed;
        });
        return command;
    }

    private static void Write(Comparison comparison, int skipped, Output output, bool isMarkdown)
    {
        foreach (CaseComparison item in comparison.Cases)
            output.Record(Record(item).ToJsonString());
        foreach (string line in isMarkdown ? comparison.Markdown() : comparison.Plain())
            output.Line(line);
        output.Line();
        WriteOnly("before", comparison.OnlyBefore);
        WriteOnly("after", comparison.OnlyAfter);
        var counts = Enum.GetValues<Verdict>().Select(verdict => (Name: verdict.ToString().ToLowerInvariant(), Count: comparison.Count(verdict))).ToArray();
        output.Line(string.Join(", ", counts.Select(item => $"{item.Count} {item.Name}")) + ".");
        if (skipped > 0)
            output.Line($"{skipped} damaged lines of the files were skipped.");
        output.Record(new JsonObject([.. counts.Select(item => KeyValuePair.Create(item.Name, (JsonNode?)item.Count)),
            new("skipped", skipped)]).ToJsonString());

        void WriteOnly(string where, IEnumerable<BenchRecord> records)
        {
            foreach (BenchRecord record in records)
            {
                output.Line($"only {where}: {Comparison.Name(record)}");
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
        ["case"] = record.Case,
        ["pass"] = record.Pass,
        ["device"] = record.Device,
        ["dtype"] = record.DType,
        ["threads"] = record.Threads,
        ["cold"] = record.Cold,
    };
}
