using JepaEngine.Cuda.Compile;
using JepaEngine.Cuda.Context;
using JepaEngine.Cuda.Driver;
using JepaEngine.Cuda.Simulation;


namespace JepaEngine.Cli.Commands;

/// <summary>What <c>jepa doctor</c> says of CUDA. A machine without any is told what was looked for, and that everything runs on the processor.</summary>
internal static class GpuFacts
{
    public static IEnumerable<(string Name, string Value, string? Mend)> All()
    {
        CudaProbe probe = CudaProbe.Run();
        (string name, string value, string? mend) = Fact("CUDA", $"driver of CUDA {probe.DriverVersion / 1000}.{probe.DriverVersion % 1000 / 10}", probe.DriverFault);
        yield return (name, value, mend is null ? null : $"{mend}; on a machine without a GPU nothing is missing: everything runs on the processor");
        foreach ((int i, CudaDeviceInfo device) in probe.Devices.Index())
            yield return ($"cuda:{i}", $"{device.Name}, {device.Architecture}, {device.Multiprocessors} multiprocessors, {device.MemoryBytes / 1e9:0.0} GB", null);
        yield return Fact("NVRTC", $"{probe.NvrtcVersion}, {probe.Nvrtc.File.Path}", probe.NvrtcFault);
        yield return ("cuBLASLt", probe.CublasLt ?? "not found; only the benchmarks' ratio to it needs it", null);
        yield return ("cuDNN", probe.Cudnn ?? "not found; nothing of the engine needs it", null);
        yield return Fact("simulator", "runs CUDA kernels on the processor: --device sim", SimulatorFault());
        yield return ("kernels", KernelFilesInUse(), null);
        yield return Fact("cache", KernelCache.DefaultFolder() ?? "", KernelCache.Fault(KernelCache.DefaultFolder()));
        IEnumerable<string> tried =
            probe.DriverFault is not null || probe.NvrtcFault is not null ? probe.ToString().Split('\n') : [];
        // Where there is no GPU, nobody misses it.
        if (probe.DriverFault is null && probe.CublasLt is null)
            tried = tried.Concat(probe.CublasLtTried);
        foreach (string line in tried)
            yield return ("tried", line.Trim(), null);
    }

    // A fault reads "what is wrong; the mend" or "what is wrong: the mend".
    private static (string Name, string Value, string? Mend) Fact(string name, string value, string? fault)
    {
        if (fault is null)
            return (name, value, null);
        int mend = fault.LastIndexOf("; ", StringComparison.Ordinal) is >= 0 and int semicolon ? semicolon : fault.LastIndexOf(": ", StringComparison.Ordinal);
        return mend < 0 ? (name, fault, null) : (name, fault[..mend], fault[(mend + 2)..]);
    }

    private static string? SimulatorFault()
    {
        try
        {
            HostCompiler.Find();
            return null;
        }
        catch (CudaException fault)
        {
            return fault.Message;
        }
    }

    private static string KernelFilesInUse()
    {
        try
        {
            return KernelFiles.Default.Description;
        }
        catch (DirectoryNotFoundException fault)
        {
            return fault.Message;
        }
    }
}
