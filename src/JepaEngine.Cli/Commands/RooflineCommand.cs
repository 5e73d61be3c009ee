namespace JepaEngine.Cli.Commands;

/// <summary><c>jepa roofline</c>: how far operations and models are from what this machine can do, what bounds them, and what to try.</summary>
internal static class RooflineCommand
{
    /// <summary>Where nothing is named, a look within a minute.</summary>
    private static readonly TimeSpan Glance = TimeSpan.FromSeconds(45);

    public static Command Create()
    {
        var op = new Option<string?>("--op") { Description = "Operations, with commas between; without these and models, what a step spends its time in" };
        var model = new Option<string?>("--model") { Description = $"Models, each operation by operation, with random weights: {string.Join(',', BenchGrid.ModelNames)}" };
        var tokens = new Option<int>("--tokens") { Description = "Rows of the operations' inputs", DefaultValueFactory = _ => 256 };
        var device = new Option<string?>("--device") { Description = "cpu, cuda:N, cuda:N:bf16 or sim; by default cpu, and with --from all" };
        var threads = new Option<int?>("--threads") { Description = "Of the processor; by default one a core, and with --from all" };
        var from = new Option<string?>("--from") { Description = "Read these records of 'jepa bench --out' instead of measuring" };
        var to = new Option<string?>("--out") { Description = "File for the picture, an SVG" };
        var markdown = new Option<bool>("--md") { Description = "Write Markdown" };
        var json = CommonOptions.Json();
        Command command = CommandLine.Verb("roofline",
            "Shows how far operations and models are from this machine's limits, what bounds them, and what to try.",
            "jepa roofline --op Linear,Attention,LayerNorm --out roofline.svg", op, model, tokens, device, threads, from, to, markdown, json);
        command.SetAction(async (parsed, cancellation) =>
        {
            string[]? ops = CommandLine.List(parsed.GetValue(op)), models = CommandLine.List(parsed.GetValue(model));
            Outputs.Check([parsed.GetValue(to)], parsed.GetValue(from));
            Device? named = parsed.GetValue(device) is { } name ? DeviceOption.Read(name) : null;
            int? count = CommonOptions.Positive(parsed, threads);
            IReadOnlyList<Roofline> rooflines;
            string[] faults = [];
            int skipped = 0;
            if (parsed.GetValue(from) is { } path)
            {
                if (ops is not null || models is not null || parsed.GetResult(tokens) is { Implicit: false })
                    throw new UsageException("--from reads what was measured; --op, --model and --tokens are for measuring: leave one out");
                var file = BenchFile.Read(path);
                rooflines = Roofline.Of(file.Records.Where(record => IsOf(record, named, count)));
                skipped = file.Skipped;
                if (rooflines.Count == 0)
                    throw new BadFileException(path, $"it holds no record that was asked for ({skipped} damaged lines)");
            }
            else
            {
                Device on = named ?? Device.Cpu;
                if (on.Kind == DeviceKind.Cpu)
                    on = on.With(threads: count ?? 0);
                if (on.Kind == DeviceKind.Simulator && parsed.GetValue(to) is not null)
                    throw new UsageException("--out needs limits to draw, and the simulator's times mean nothing: name cpu or cuda:N");
                if (parsed.GetValue(to) is not null && models?.Length + (ops is null ? 0 : 1) > 1)
                    throw new UsageException("--out draws one roofline: name operations or one model");
                var grid = new BenchGrid
                {
                    Ops = ops ?? (models is null ? BenchGrid.QuickOps : []), Models = models ?? [],
                    Tokens = [CommonOptions.Positive(parsed, tokens)], Devices = [on],
                };
                var options = new BenchOptions(Budget: ops is null && models is null ? Glance : null);
                (rooflines, faults) = await Interruptible.Run(() => Measure(grid, options, cancellation), cancellation);
            }
            if (parsed.GetValue(to) is { } picture)
                Draw(rooflines, picture);
            Write(rooflines, skipped, new Output(parsed.GetValue(json)), parsed.GetValue(markdown));
            foreach (string fault in faults)
                await Console.Error.WriteLineAsync($"jepa: {fault}");
            return faults.Length == 0 ? ExitCode.Ok : ExitCode.CheckFailed;
        });
        return command;
    }

    /// <summary>Operations side by side, then each model taken apart.</summary>
    private static (IReadOnlyList<Roofline> Rooflines, string[] Faults) Measure(BenchGrid grid, BenchOptions options, CancellationToken cancellation)
    {
        IReadOnlyList<BenchCase> models = (grid with { Ops = [] }).Cases();
        using var runner = new BenchRunner((grid with { Models = [] }).Cases(), options);
        BenchMachine machine = BenchMachine.Of(MachineFacts.ProcessorName(), grid.Devices);
        var rooflines = new List<Roofline>();
        if (grid.Ops.Count > 0)
            rooflines.AddRange(Roofline.Of(runner.Run(machine, new Progress("visit", runner.Visits).Done, cancellation)));
        var progress = new Progress("model", models.Count);
        foreach (BenchCase model in models)
        {
            rooflines.Add(RooflineProfile.Of(model, machine, cancellation));
            progress.Done(rooflines.Count(roofline => roofline.Run is not null) - 1);
        }
        return (rooflines, [.. runner.Faults.Select(row => $"{row.Case.Name} ({row.Case.Pass}) was not measured: {row.Fault.ReplaceLineEndings(" ")}")]);
    }

    private static void Draw(IReadOnlyList<Roofline> rooflines, string path)
    {
        if (rooflines.Count > 1)
        {
            string names = string.Join(", ", rooflines.Select(roofline => roofline.Name));
            throw new UsageException($"--out draws one roofline, there are {names}: pick one by --device, --threads or --model");
        }
        foreach (Roofline roofline in rooflines)
            AtomicFile.WriteText(path, RooflineChart.Draw(roofline));
    }

    private static void Write(IReadOnlyList<Roofline> rooflines, int skipped, Output output, bool isMarkdown)
    {
        foreach (Roofline roofline in rooflines)
        {
            output.Lines(roofline.Machine?.Lines() ?? []);
            output.Line($"limits   {RooflineTable.Roofs(roofline)}");
            if (roofline.Run is { } run)
                output.Line($"run      {RooflineTable.Summary(run)}");
            output.Line();
            output.Lines(isMarkdown ? RooflineTable.Markdown(roofline) : RooflineTable.Plain(roofline));
            output.Line();
            foreach (string line in RooflineTable.Advice(roofline))
                output.Line($"try      {line}");
            output.Line();
            foreach (RooflinePoint point in roofline.All)
                output.Record(point.ToJson());
        }
        output.Line("FLOPs and bytes are analytic, times and limits measured, registers and shared memory the compiled kernel's.");
        if (rooflines.Any(roofline => roofline.Run is null))
            output.Line("% time of a case is of the rows of its table, each called once.");
        if (skipped > 0)
            output.Line($"{skipped} damaged lines were skipped.");
    }

    private static bool IsOf(BenchRecord record, Device? device, int? threads)
    {
        string? name = device?.Kind switch
        {
            null => null,
            DeviceKind.Cpu => "cpu",
            DeviceKind.Simulator => "sim",
            _ => $"cuda:{device.Index}",
        };
        return (name is null || record.Device == name && record.DType == device!.Compute.ToString())
            && (threads is null || record.Threads == threads);
    }
}
