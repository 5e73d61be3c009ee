using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using JepaEngine.Cuda.Driver;
using JepaEngine.Cuda.Loading;

namespace JepaEngine.Cuda.Simulation;

/// <summary>The system's C++ compiler, which makes the simulator and the kernels that run in it.</summary>
internal sealed class HostCompiler
{
    /// <summary>Names the compiler; otherwise g++ or c++ from the search path is used.</summary>
    public const string Variable = "CXX";

    private readonly string command;

    private HostCompiler(string command, string version) => (this.command, Version) = (command, version);

    /// <summary>The first line it says of itself.</summary>
    public string Version { get; }

    /// <summary>
    /// What the code may use of this processor: vectors make the matrix instructions faster, and a fused multiply-add is one instruction instead of a
    /// call. Same numbers.
    /// </summary>
    public static IReadOnlyList<string> Processor { get; } = Fma.IsSupported && Avx2.IsSupported ? ["-mavx2", "-mfma"] : [];

    /// <exception cref="CudaException">The simulator does not run here, or there is no compiler.</exception>
    public static HostCompiler Find()
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64)
            throw new CudaException(
                $"the CUDA simulator runs on Linux on x86-64, not on {RuntimeInformation.RuntimeIdentifier}: use such a machine, or a container of it");
        string[] candidates = Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named ? [named] : ["g++", "c++"];
        foreach (string candidate in candidates)
            if (ProgramPath.Find(candidate) is { } path && TryRun(path, "", ["--version"], out string output))
                return new(path, output.Split('\n', 2)[0]);
        throw new CudaException($"the CUDA simulator needs GCC 12 or newer to compile kernels, and {string.Join(" and ", candidates)} cannot be run: "
            + $"install it (Debian, Ubuntu: apt install g++; Fedora: dnf install gcc-c++), or name it in {Variable}");
    }

    /// <summary>
    /// Runs the compiler in a folder, where it looks first for what it includes; false where it reports errors, which
    /// are then the output.
    /// </summary>
    public bool Run(BuildFolder folder, IEnumerable<string> arguments, out string output) =>
        TryRun(command, folder.Path, arguments, out output);

    private static bool TryRun(string command, string folder, IEnumerable<string> arguments, out string output)
    {
        var start = new ProcessStartInfo(command, arguments)
        {
            WorkingDirectory = folder, UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        try
        {
            using Process process = Process.Start(start)!;
            Task<string> errors = process.StandardError.ReadToEndAsync();
            output = process.StandardOutput.ReadToEnd() + errors.GetAwaiter().GetResult();
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (Win32Exception fault)
        {
            output = fault.Message;
            return false;
        }
    }
}
