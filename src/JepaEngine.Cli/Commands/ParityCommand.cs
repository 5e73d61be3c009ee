using JepaEngine.Cuda.Context;

namespace JepaEngine.Cli.Commands;

/// <summary><c>jepa parity</c>: every operation on a device, forward and backward, against the double-precision oracle.</summary>
internal static class ParityCommand
{
    public static Command Create()
    {
        var device = DeviceOption.Create();
        var operation = new Option<string?>("--op")
        {
            Description = "Only these operations, with commas between; with --large also cases, "
                + "as 'Attention heads of 64'",
        };
        var large = new Option<bool>("--large")
        {
            Description = "Sizes of real models instead: every tile of products, long sequences, recorded graphs, two "
                + "runs bit for bit; bf16 against the device's own f32",
        };
        var jobs = new Option<int>("--jobs")
        {
            Description = "On a GPU, operations at a time, each in a process of its own; by default one a core",
            DefaultValueFactory = _ => Environment.ProcessorCount,
        };
        var limit = LimitOption.Create("an operation");
        var worker = new Option<bool>("--worker")
        {
            Description = "Check in this process, and end with the one that started it", Hidden = true,
        };
        var to = new Option<string?>("--out")
        {
            Description = "File for the proof: a JSON line an operation, as it is known",
        };
        var watch = new Option<string?>("--watch") { Description = "Folder of kernels like kernels/: runs what is edited there each time it is saved, until Ctrl-C" };
        var json = CommonOptions.Json();
        Command command = CommandLine.Verb("parity", "Checks a device's operations, forward and backward, against the double-precision oracle.",
            "jepa parity --device sim --op LayerNorm --watch kernels",
            device, operation, large, jobs, limit, worker, to, watch, json);
        command.SetAction(async (parsed, cancellation) =>
        {
            Device where = DeviceOption.Read(parsed, device);
            IReadOnlyList<ParityUnit> units =
                ParityUnit.Find(parsed.GetValue(operation), parsed.GetValue(large), where);
            int most = CommonOptions.Positive(parsed, jobs);
            TimeSpan longest = LimitOption.Read(parsed, limit);
            if (parsed.GetValue(watch) is not null && where.IsHost)
                throw new UsageException($"--watch is for kernels, and {where} runs none: name sim or cuda:N");
            if (parsed.GetValue(watch) is not null && parsed.GetValue(large))
                throw new UsageException("--watch tries the operation table after each edit: leave out --large");
            var output = new Output(parsed.GetValue(json));
            var report = new ParityReport(where, output, parsed.GetValue(to));
            if (parsed.GetValue(worker))
                OwnProcess.EndWithItsParent();
            if (where.IsHost || parsed.GetValue(worker))
                foreach (ParityUnit unit in units)
                    Check(unit, where, report);
            else
                await Distribute(units, where, most, longest, report, cancellation);
            int code = report.End();
            if (parsed.GetValue(watch) is { } folder)
                await Watch(where, folder, parsed.GetValue(operation), output, cancellation);
            return code;
        });
        return command;
    }

    private static void Check(ParityUnit unit, Device device, ParityReport report)
    {
        var clock = Stopwatch.StartNew();
        report.Add(unit, unit.Check(device), () => clock.Elapsed);
    }

    /// <summary>Each unit in a process of its own, several at a time: what crashes, hangs or loses the device costs
    /// itself only. Told as they end.</summary>
    private static async Task Distribute(IReadOnlyList<ParityUnit> units, Device device, int jobs, TimeSpan limit,
        ParityReport report, CancellationToken cancellation)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using var free = new SemaphoreSlim(jobs);
        Task<(ParityUnit, OwnResult)>[] runs = [.. units.Select(Run)];
        try
        {
            await foreach (Task<(ParityUnit, OwnResult)> run in Task.WhenEach(runs))
            {
                (ParityUnit unit, OwnResult result) = await run;
                if (result.Fault is { } fault)
                    report.Fail(unit, fault, result.Took);
                else if (ParityUnit.TryParse(result.Lines, out List<ParityResult> results))
                    report.Add(unit, results, () => result.Took);
                else
                    report.Fail(unit, "printed what is no result", result.Took);
            }
        }
        finally
        {
            // Of a run that is interrupted, or whose proof cannot be written, no process stays behind.
            await ending.CancelAsync();
            await Task.WhenAll(runs).ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None,
                TaskScheduler.Default);
        }

        async Task<(ParityUnit, OwnResult)> Run(ParityUnit unit)
        {
            await free.WaitAsync(ending.Token);
            try
            {
                string[] arguments =
                [
                    "parity", "--device", device.ToString(), "--op", unit.Name,
                    .. unit.IsLarge ? ["--large"] : (string[])[], "--worker", "--json",
                ];
                return (unit, await OwnProcess.Run(arguments, limit, ending.Token));
            }
            finally
            {
                free.Release();
            }
        }
    }

    /// <summary>Tries every edit; one that compiles and agrees takes the place of what is loaded.</summary>
    private static async Task Watch(
        Device device, string folder, string? operation, Output output, CancellationToken cancellation)
    {
        OpCase[] operations = [.. CommandLine.List(operation)?.Select(OpTable.Find) ?? OpTable.All];
        using var watch = new KernelWatch(device.Context, folder,
            (context, _) => KernelTrial.Fault(context, device.Compute, operations), text => output.Line(text));
        watch.Start();
        output.Line($"Watching {folder}; Ctrl-C ends it.");
        await Task.Delay(Timeout.Infinite, cancellation).ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }
}
