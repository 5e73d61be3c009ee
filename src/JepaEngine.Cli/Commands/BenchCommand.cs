using System.CommandLine;
using System.Globalization;
using JepaEngine.Jepa.Benchmarking;
using JepaEngine.Primitives;

namespace JepaEngine.Cli.Commands;

/// <summary><c>jepa bench</c>: how fast operations and models run here, how far that is from the machine's limits, and from a peer.</summary>
internal static class BenchCommand
{
    /// <summary>Of the minute that a quick run may take: the rest is the start and what a busy machine adds.</summary>
    private static readonly TimeSpan QuickBudget = TimeSpan.FromSeconds(50);

    public static Command Create()
    {
        var op = new Option<string?>("--op") { Description = "Operations, with commas between; all of the operation table if neither these nor models are named" };
        var model = new Option<string?>("--model") { Description = $"Models of published size with random weights: {string.Join(',', BenchGrid.ModelNames)}" };
        var tokens = new Option<string?>("--tokens") { Description = "Rows of the operations' inputs (256,2048; with --quick 256)" };
        var dtype = new Option<string?>("--dtype") { Description = "f32,bf16; by default the device's" };
        var device = DeviceOption.Create();
        var threads = new Option<string?>("--threads") { Description = "Of the processor, as 1,2; by default one a core" };
        var quick = new Option<bool>("--quick") { Description = "What a step spends its time in, at 256 tokens, within a minute" };
        var warm = new Option<bool>("--warm") { Description = "Leave operands in the caches; by default every sample finds them in memory" };
        var peer = new Option<string?>("--peer") { Description = "JSON lines of a peer on the same work: fills the reference column" };
        var to = new Option<string?>("--out") { Description = "File for the JSON lines, one a row with every sample" };
        var markdown = new Option<bool>("--md") { Description = "Write Markdown" };
        var csv = new Option<bool>("--csv") { Description = "Write comma-separated values" };
        var json = CommonOptions.Json();
        Command command = CommandLine.Verb("bench", "Measures operations and models: times and their noise, rates, the share of the limit measured in the same run.",
            "jepa bench --op MatMul,Attention --tokens 256,2048 --threads 1,2 --md", op, model, tokens, dtype, device, threads, quick, warm, peer, to, markdown, csv, json);
        command.Add(HistoryCommand.Create());
        command.SetAction(async (parsed, cancellation) =>
        {
            bool isQuick = parsed.GetValue(quick);
            Device[] devices = [.. Devices(parsed.GetValue(device)!, parsed.GetValue(dtype), parsed.GetValue(threads))];
            var grid = new BenchGrid
            {
                Ops = List(parsed.GetValue(op)) ?? (parsed.GetValue(model) is not null ? [] : isQuick ? BenchGrid.QuickOps : BenchGrid.OpNames),
                Models = List(parsed.GetValue(model)) ?? [],
                Tokens = Numbers("--tokens", parsed.GetValue(tokens)) ?? (isQuick ? [256] : [256, 2048]),
                Devices = devices,
            };
            // A file that cannot be read is told before the minutes pass, not after.
            BenchFile? other = parsed.GetValue(peer) is { } file ? BenchFile.Read(file) : null;
            var options = new BenchOptions(!parsed.GetValue(warm), isQuick ? QuickBudget : null);
            (IReadOnlyList<BenchRecord> records, string[] faults) = await Interruptible.Run(() => Measure(grid, options, cancellation), cancellation);
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

    private static (IReadOnlyList<BenchRecord> Records, string[] Faults) Measure(BenchGrid grid, BenchOptions options, CancellationToken cancellation)
    {
        using var runner = new BenchRunner(grid.Cases(), options);
        var progress = new Progress("visit", runner.Visits);
        IReadOnlyList<BenchRecord> records = runner.Run(BenchMachine.Of(Machine.Processor(), grid.Devices), progress.Done, cancellation);
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

    /// <summary>Every named device in every dtype, and the processor with every number of threads.</summary>
    private static IEnumerable<Device> Devices(string names, string? dtypes, string? threads)
    {
        int[] counts = Numbers("--threads", threads) ?? [0];
        foreach (string name in List(names) ?? [])
        {
            if (!Device.TryParse(name, out Device device))
                throw new UsageException($"--device names '{name}'; devices are cpu, cuda:N, cuda:N:bf16, sim and sim:bf16");
            foreach (DType dtype in (List(dtypes) ?? [device.Compute.ToString()]).Select(Dtype))
            {
                if (device.Kind == DeviceKind.Cpu && dtype != DType.F32)
                    throw new UsageException("--dtype names bf16 for cpu, which computes in f32; measure the GPU's tiers in a run of their own");
                foreach (int count in device.Kind == DeviceKind.Cpu ? counts : [0])
                    yield return device with { Compute = dtype, Threads = count };
            }
        }
    }

    private static DType Dtype(string name) => name.ToLowerInvariant() switch
    {
        "f32" => DType.F32,
        "bf16" => DType.BF16,
        _ => throw new UsageException($"--dtype names '{name}'; it is f32 or bf16"),
    };

    private static string[]? List(string? text) => text?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private static int[]? Numbers(string option, string? text) => List(text)?
        .Select(part => int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number > 0
            ? number
            : throw new UsageException($"{option} names '{part}'; each is a number from 1"))
        .ToArray();
}
