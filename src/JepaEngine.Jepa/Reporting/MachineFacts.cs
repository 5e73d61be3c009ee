using System.Runtime.InteropServices;

namespace JepaEngine.Jepa.Reporting;

/// <summary>What a run ran on.</summary>
/// <param name="Device">The engine's device: "cpu avx512, 2 threads".</param>
/// <param name="Processor">The processor's name.</param>
/// <param name="System">The operating system.</param>
/// <param name="Runtime">The .NET runtime.</param>
public sealed record MachineFacts(string Device, string Processor, string System, string Runtime)
{
    /// <summary>Of this machine, computing on a device.</summary>
    public static MachineFacts Of(Device device) => new(device.Backend.Description, ProcessorName(),
        RuntimeInformation.OSDescription, RuntimeInformation.FrameworkDescription);

    /// <summary>The processor's name, where the system tells it.</summary>
    public static string ProcessorName()
    {
        const string Table = "/proc/cpuinfo";
        if (File.Exists(Table))
            foreach (string line in File.ReadLines(Table))
                if (line.StartsWith("model name", StringComparison.Ordinal))
                    return line[(line.IndexOf(':') + 1)..].Trim();
        return global::System.Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER")
            ?? RuntimeInformation.ProcessArchitecture.ToString();
    }
}
