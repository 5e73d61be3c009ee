using System.Text;
using JepaEngine.Cuda.Compile;
using JepaEngine.Cuda.Driver;
using JepaEngine.Cuda.Loading;

namespace JepaEngine.Cuda.Context;

/// <summary>
/// What of CUDA this machine has: every path of the driver and the compiler that was tried, every function that is
/// missing, the driver's version, the devices. cuBLASLt and cuDNN are looked for when they are asked for.
/// </summary>
public sealed unsafe class CudaProbe
{
    // Hundreds of megabytes each: loaded only for who asks.
    private readonly Lazy<NativeFile> cublas = new(CudaLibraries.CublasLt), cudnn = new(CudaLibraries.Cudnn);

    private CudaProbe(string? driverPath, string? nvrtcPath)
    {
        Driver = new(CudaLibraries.Driver(driverPath));
        Nvrtc = new(CudaLibraries.Nvrtc(nvrtcPath));
        if (!Driver.IsComplete)
            DriverFault = Driver.File.Path is null ? Driver.File.Refusal ?? "no CUDA driver was found; install NVIDIA's driver" : $"{Driver.File.Path} has no {string.Join(", ", Driver.File.Missing)}; {Needed}";
        else
            DriverFault = Start();
    }

    /// <summary>The driver's version, as 12040 for 12.4; 0 where there is none.</summary>
    public int DriverVersion { get; private set; }

    /// <summary>NVRTC's version, as <c>12.4</c>; null where there is none.</summary>
    public string? NvrtcVersion => Nvrtc.IsComplete ? Nvrtc.Version : null;

    /// <summary>The devices the driver sees.</summary>
    public IReadOnlyList<CudaDeviceInfo> Devices { get; private set; } = [];

    /// <summary>Why there is no usable driver, with the mend; null where there is one.</summary>
    public string? DriverFault { get; }

    /// <summary>Why there is no usable compiler, with the mend; null where there is one.</summary>
    public string? NvrtcFault => Nvrtc.IsComplete ? null
        : Nvrtc.File.Path is null ? Nvrtc.File.Refusal ?? $"no NVRTC was found; install it from a CUDA toolkit or "
        + $"Python's nvidia-cuda-nvrtc package, or name it in {CudaLibraries.NvrtcVariable}"
        : $"{Nvrtc.File.Path} has no {string.Join(", ", Nvrtc.File.Missing)}; NVRTC 12.0 or newer is needed";

    /// <summary>
    /// Where cuBLASLt was found, which is looked for now; null where it was not, which costs nothing but the comparison
    /// with it.
    /// </summary>
    public string? CublasLt => cublas.Value.Path;

    /// <summary>
    /// Where cuDNN was found, which is looked for now; null where it was not, which costs nothing but the comparison
    /// with it.
    /// </summary>
    public string? Cudnn => cudnn.Value.Path;

    /// <summary>Every place that cuBLASLt was looked for in, a line each.</summary>
    internal IEnumerable<string> CublasLtTried => cublas.Value.Lines();

    internal CudaDriver Driver { get; }

    internal NvrtcLibrary Nvrtc { get; }

    private static string Needed => $"a driver for CUDA {CudaDriver.VersionText(CudaDriver.OldestVersion)} or newer is needed";

    /// <summary>Looks for the driver and the compiler. Throws nothing.</summary>
    public static CudaProbe Run() => new(null, null);

    /// <summary>As <see cref="Run()"/>, with the only places to look for the driver and the compiler in.</summary>
    internal static CudaProbe Run(string? driverPath, string? nvrtcPath) => new(driverPath, nvrtcPath);

    /// <summary>Why a device cannot be opened, with the mend; null where it can be.</summary>
    public string? Fault(int device) => DriverFault ?? NvrtcFault
        ?? (device >= 0 && device < Devices.Count ? null : $"there is no device {device}: the driver sees {Devices.Count}, numbered from 0; CUDA_VISIBLE_DEVICES may hide some");

    /// <summary>One line a fact, as <c>jepa doctor --verbose</c> and exceptions show it.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (string line in new[] { Driver.File, Nvrtc.File }.SelectMany(file => file.Lines()))
            text.Append("  ").AppendLine(line);
        if (DriverVersion != 0)
            text.Append("  CUDA driver: version ").AppendLine(CudaDriver.VersionText(DriverVersion));
        if (NvrtcVersion is { } version)
            text.Append("  NVRTC: version ").AppendLine(version);
        foreach ((int i, CudaDeviceInfo device) in Devices.Index())
            text.AppendLine($"  cuda:{i}: {device.Name}, {device.Architecture}, {device.Multiprocessors} multiprocessors, {device.MemoryBytes / 1e9:0.0} GB");
        return text.ToString().TrimEnd();
    }

    private string? Start()
    {
        try
        {
            CudaResult started = Driver.Init(0);
            if (started == CudaResult.NoDevice)
                return $"the driver finds no device; {CudaAdvice.Of(started)}";
            Driver.Check(started, "cuInit");
            DriverVersion = Driver.Version;
            if (DriverVersion < CudaDriver.OldestVersion)
                return $"the driver is of CUDA {CudaDriver.VersionText(DriverVersion)}; {Needed}";
            int count;
            Driver.Check(Driver.DeviceGetCount(&count), "cuDeviceGetCount");
            Devices = [.. Enumerable.Range(0, count).Select(i => CudaDeviceInfo.Read(Driver, i))];
            return null;
        }
        catch (CudaException fault)
        {
            return fault.Message;
        }
    }
}
