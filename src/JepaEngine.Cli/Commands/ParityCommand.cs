using System.CommandLine;
using System.Text.Json.Nodes;
using JepaEngine.Backends;
using JepaEngine.Cuda;
using JepaEngine.Memory;
using JepaEngine.Ops;
using JepaEngine.Primitives;

namespace JepaEngine.Cli.Commands;

/// <summary><c>jepa parity</c>: every operation on a device, forward and backward, against the double-precision oracle.</summary>
internal static class ParityCommand
{
    public static Command Create()
    {
        var device = DeviceOption.Create();
        var operation = new Option<string?>("--op") { Description = "Only this operation" };
        var watch = new Option<string?>("--watch") { Description = "Folder of kernels like kernels/: runs what is edited there each time it is saved, until Ctrl-C" };
        var json = CommonOptions.Json();
        Command command = CommandLine.Verb("parity", "Checks a device's operations, forward and backward, against the double-precision oracle.",
            "jepa parity --device sim --op LayerNorm --watch kernels", device, operation, watch, json);
        command.SetAction(async (parsed, cancellation) =>
        {
            OpCase[] operations = parsed.GetValue(operation) is { } name ? [Find(name)] : [.. OpTable.All];
            Device where = DeviceOption.Read(parsed, device);
            var output = new Output(parsed.GetValue(json));
            int code = Run(where, operations, output);
            if (parsed.GetValue(watch) is { } folder)
                await Watch(where, folder, operations, output, cancellation);
            return code;
        });
        return command;
    }

    private static int Run(Device device, OpCase[] operations, Output output)
    {
        output.Line($"{Backend.For(device).Description}, {device.Compute}");
        output.Line($"{"operation",-18} {"sample",-38} {"worst tensor",-24} {"dtype",-5} {"error",8} {"allowed",8} {"bad index",10}");
        int failures = 0, checks = 0;
        foreach (OpCase op in operations)
        {
            foreach (OpSample sample in op.Samples)
            {
                IReadOnlyList<ParityResult> results = Parity.Check(op, sample, device);
                checks += results.Count;
                failures += results.Count(result => !result.Passed);
                // Of a sample's tensors the one that used most of what it is allowed.
                ParityResult worst = results.MaxBy(result => result.Error / result.Allowed)!;
                string bad = worst.Passed ? "" : worst.BadIndex.ToString();
                output.Line($"{op.Name,-18} {sample.Name,-38} {worst.Output + " " + worst.Shape,-24} {worst.DType,-5} {worst.Error,8:0.0E+0} {worst.Allowed,8:0.0E+0} {bad,10}"
                    .TrimEnd());
                foreach (ParityResult result in results)
                    output.Record(Record(device, result).ToJsonString());
            }
        }
        output.Line(failures == 0 ? $"{checks} tensors agree." : $"{failures} of {checks} tensors do not agree.");
        return failures == 0 ? ExitCode.Ok : ExitCode.CheckFailed;
    }

    /// <summary>Tries every edit; one that compiles and agrees takes the place of what is loaded.</summary>
    private static async Task Watch(Device device, string folder, OpCase[] operations, Output output, CancellationToken cancellation)
    {
        if (device.IsHost)
            throw new UsageException($"--watch is for kernels, and {device} runs none: name sim or cuda:N");
        using var watch = new KernelWatch(CudaDevices.Context(device), folder, (context, _) => KernelTrial.Fault(context, device.Compute, operations), text => output.Line(text));
        watch.Start();
        output.Line($"Watching {folder}; Ctrl-C ends it.");
        await Task.Delay(Timeout.Infinite, cancellation).ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }

    private static JsonObject Record(Device device, ParityResult result) => new()
    {
        ["device"] = device.ToString(),
        ["operation"] = result.Operation,
        ["sample"] = result.Sample,
        ["output"] = result.Output,
        ["shape"] = new JsonArray([.. result.Shape.ToArray().Select(length => (JsonNode)length)]),
        ["dtype"] = result.DType.ToString(),
        // JSON has no infinity.
        ["error"] = double.IsFinite(result.Error) ? result.Error : null,
        ["allowed"] = result.Allowed,
        ["badIndex"] = result.Passed ? null : result.BadIndex,
    };

    private static OpCase Find(string name)
    {
        try
        {
            return OpTable.Find(name);
        }
        catch (KeyNotFoundException error)
        {
            throw new UsageException(error.Message);
        }
    }
}
