using System.ComponentModel;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using JepaEngine.Backends.Cpu;
using JepaEngine.Cuda.Context;
using JepaEngine.Jepa.Pictures;

namespace JepaEngine.Jepa.Benchmarking;

/// <summary>What a measurement was taken on; every record carries it.</summary>
/// <param name="Cpu">The processor's name.</param>
/// <param name="Simd">The vector instructions in use.</param>
/// <param name="Cores">Logical processors.</param>
/// <param name="System">Operating system.</param>
/// <param name="Runtime">Of .NET, or a peer's language.</param>
/// <param name="Build">Version and commit of what was measured.</param>
public sealed record BenchMachine(string Cpu, string Simd, int Cores, string System, string Runtime, string Build)
{
    /// <summary>The first core's clock when the run began, where the system tells it.</summary>
    public double? CpuMegahertz { get; init; }

    /// <summary>The GPU's name, where one is measured.</summary>
    public string? Gpu { get; init; }

    /// <summary>Its driver, as the vendor numbers it, or the CUDA version it speaks where nvidia-smi is missing.</summary>
    public string? Driver { get; init; }

    /// <summary>What compiled its kernels, as <c>NVRTC 12.4</c>.</summary>
    public string? Compiler { get; init; }

    /// <summary>Its clocks in MHz when the run began, which nothing locks: processors, memory.</summary>
    public string? GpuClocks { get; init; }

    /// <summary>This machine, as far as the devices under measurement concern it.</summary>
    /// <param name="cpu">The processor's name.</param>
    /// <param name="devices">What will be measured.</param>
    public static BenchMachine Of(string cpu, IEnumerable<Device> devices)
    {
        string version = typeof(BenchMachine).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;
        var machine = new BenchMachine(cpu, CpuIsas.FromEnvironment().ToString(), Environment.ProcessorCount,
            RuntimeInformation.OSDescription, RuntimeInformation.FrameworkDescription, $"JepaEngine {version}")
        {
            CpuMegahertz = Megahertz(),
        };
        if (devices.FirstOrDefault(device => !device.IsHost) is not { } gpu)
            return machine;
        CudaContext context = gpu.Context;
        CudaDeviceInfo info = context.Info;
        string[] told = gpu.Kind == DeviceKind.Simulator ? [] : AskDriver(gpu.Index);
        return machine with
        {
            Gpu = $"{info.Name}, sm_{info.ComputeCapability.Major}{info.ComputeCapability.Minor}, {info.Multiprocessors} multiprocessors, {info.MemoryBytes >> 30} GiB",
            Driver = told.Length == 3 ? told[0] : $"CUDA {info.DriverVersion / 1000}.{info.DriverVersion % 1000 / 10}",
            Compiler = context.Compiler,
            GpuClocks = told.Length == 3 ? $"{told[1]}/{told[2]}" : null,
        };
    }

    /// <summary>As lines for people.</summary>
    public IEnumerable<string> Lines()
    {
        yield return $"machine  {Cpu}, {Simd}, {Cores} cores{(CpuMegahertz is { } mhz ? string.Create(CultureInfo.InvariantCulture, $", {mhz:0} MHz") : "")} | {System}";
        if (Gpu is not null)
            yield return $"GPU      {Gpu} | driver {Driver} | {Compiler}"
                + (GpuClocks is null ? "" : $" | clocks {GpuClocks} MHz, not locked");
        yield return $"build    {Build} | {Runtime}";
    }

    /// <summary>A GPU's own name, without what <see cref="Gpu"/> says of it besides: all that a peer knows.</summary>
    internal static string NameOf(string gpu) => gpu.Split(", sm_")[0];

    private static double? Megahertz()
    {
        const string Table = "/proc/cpuinfo";
        string? line = File.Exists(Table) ? File.ReadLines(Table).FirstOrDefault(line => line.StartsWith("cpu MHz", StringComparison.Ordinal)) : null;
        return line is not null && double.TryParse(line.AsSpan(line.IndexOf(':') + 1), NumberStyles.Float, CultureInfo.InvariantCulture, out double value) ? value : null;
    }

    /// <summary>Driver and clocks from nvidia-smi; nothing where it is missing or hangs.</summary>
    private static string[] AskDriver(int index)
    {
        try
        {
            using var program = new PipedProcess("nvidia-smi", ["-i", $"{index}", "--query-gpu=driver_version,clocks.sm,clocks.mem", "--format=csv,noheader,nounits"],
                TimeSpan.FromSeconds(10));
            byte[] text = new byte[1024];
            int length = program.Read(text);
            return program.Finish() == 0 ? Encoding.UTF8.GetString(text, 0, length).Trim().Split(", ") : [];
        }
        catch (Exception error) when (error is Win32Exception or TimeoutException)
        {
            return [];
        }
    }
}
