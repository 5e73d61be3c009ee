using System.Runtime.InteropServices;
using JepaEngine.Jepa.Reporting;

namespace JepaEngine.Cli;

/// <summary>What this machine is, for reports and the doctor.</summary>
internal static class Machine
{
    public static MachineFacts Facts(Device device) =>
        new(device.Backend.Description, Processor(), RuntimeInformation.OSDescription,
            RuntimeInformation.FrameworkDescription);

    /// <summary>The processor's name, where the system tells it.</summary>
    public static string Processor()
    {
        const string Table = "/proc/cpuinfo";
        if (File.Exists(Table))
            foreach (string line in File.ReadLines(Table))
                if (line.StartsWith("model name", StringComparison.Ordinal))
                    return line[(line.IndexOf(':') + 1)..].Trim();
        return Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER") ?? RuntimeInformation.ProcessArchitecture.ToString();
    }
}
