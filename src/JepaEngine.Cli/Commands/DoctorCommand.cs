using System.Runtime.InteropServices;
using JepaEngine.Backends.Cpu;

namespace JepaEngine.Cli.Commands;

/// <summary><c>jepa doctor</c>: what this machine offers, what is missing, and the mend.</summary>
internal static class DoctorCommand
{
    private const double UsualGigabytes = 2;

    public static Command Create()
    {
        var json = CommonOptions.Json();
        Command command = CommandLine.Verb("doctor", "Says what this machine offers the engine, what is missing, and how to mend it.", "jepa doctor", json);
        command.SetAction(parsed => Run(new Output(parsed.GetValue(json))));
        return command;
    }

    private static int Run(Output output)
    {
        string? ffmpeg = new Ffmpeg().Version();
        double free = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 1e9;
        (string Name, string Value, string? Mend)[] facts =
        [
            ("processor", MachineFacts.ProcessorName(), null),
            ("cores", Environment.ProcessorCount.ToString(), Environment.ProcessorCount == 1 ? "one core works; the demo then takes about twice as long" : null),
            ("SIMD", $"{CpuIsas.Best} (in use: {CpuIsas.FromEnvironment()})",
                CpuIsas.Best == CpuIsa.Scalar ? "no AVX2 with FMA: kernels run one float at a time; use a processor of 2013 or later"
                : CpuIsas.FromEnvironment() != CpuIsas.Best ? "JEPA_CPU_ISA holds the engine back; unset it" : null),
            ("threads", CpuIsas.ThreadsFromEnvironment().ToString(),
                CpuIsas.ThreadsFromEnvironment() > Environment.ProcessorCount ? "JEPA_CPU_THREADS is more than there are cores; unset it" : null),
            ("memory", $"{free:0.0} GB for this process", free < UsualGigabytes ? $"training the demo wants {UsualGigabytes} GB; raise the container's limit" : null),
            ("runtime", RuntimeInformation.FrameworkDescription, null),
            ("system", $"{RuntimeInformation.OSDescription} ({RuntimeInformation.ProcessArchitecture})", null),
            ("ffmpeg", ffmpeg ?? "not found",
                ffmpeg is null ? $"PNG is read without it, all other pictures and video are not: install ffmpeg 5.1 or later, or name it in {Ffmpeg.Variable}" : null),
            ("device", Device.Cpu.Backend.Description, null),
            .. GpuFacts.All(),
        ];
        foreach ((string name, string value, string? mend) in facts)
        {
            output.Line($"{name,-10} {value}");
            if (mend is not null)
                output.Line($"{"",-10}   -> {mend}");
            output.Record(new JsonObject { ["name"] = name, ["value"] = value, ["mend"] = mend }.ToJsonString());
        }
        return ExitCode.Ok;
    }
}
