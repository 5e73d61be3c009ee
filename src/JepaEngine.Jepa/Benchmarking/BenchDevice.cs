using System.Diagnostics;
using JepaEngine.Cuda.Context;
using JepaEngine.Cuda.Vendor;

namespace JepaEngine.Jepa.Benchmarking;

/// <summary>
/// A device under measurement: its clock, what empties its caches, and what it can do at best. A GPU's time is what lies between two events of its own
/// stream; a cold sample's events queue behind the copy that empties the caches, so that the host's launches are not part of it.
/// </summary>
internal sealed class BenchDevice : IDisposable
{
    private const long UsualCache = 32L << 20;
    private const int Side = 4096;

    private readonly Device device;
    private readonly bool isCold;
    private readonly CudaContext? context;
    private readonly CudaEvent? start, stop;
    private readonly TensorScope memory;
    private readonly Tensor? from, to, matrix, product;

    /// <param name="device">Which.</param>
    /// <param name="isCold">Whether each sample finds its operands in memory instead of in caches.</param>
    public BenchDevice(Device device, bool isCold)
    {
        this.device = device;
        IsSimulated = device.Kind == DeviceKind.Simulator;
        this.isCold = isCold && !IsSimulated;
        memory = new TensorScope(device, "caches");
        long cache = CacheBytes();
        if (!device.IsHost)
        {
            context = device.Context;
            (start, stop) = (new CudaEvent(context), new CudaEvent(context));
            cache = context.Info.L2Bytes;
        }
        if (IsSimulated)
            return;
        // Source and destination each fill the cache, with room to spare for a copy that does not keep what it writes.
        int elements = (int)(2 * Math.Max(cache, UsualCache) / device.Compute.Size());
        from = memory.RandomUniform([elements], new PhiloxKey(1));
        to = memory.Empty([elements]);
        if (context is null)
            return;
        Vendor = CublasLt.TryOpen(context);
        matrix = memory.RandomUniform([Side, Side], new PhiloxKey(2), -1, 1);
        product = memory.Empty([Side, Side]);
    }

    /// <summary>As <c>cpu</c>, <c>cuda:0</c> or <c>sim</c>: what records call it.</summary>
    public static string NameOf(Device device) => device.Kind switch { DeviceKind.Cpu => "cpu", DeviceKind.Simulator => "sim", _ => $"cuda:{device.Index}" };

    /// <summary>The vendor's matrix product, where it is installed.</summary>
    public CublasLt? Vendor { get; }

    /// <summary>Whether it is the simulator, whose times mean nothing.</summary>
    public bool IsSimulated { get; }

    /// <summary>Whether it failed beyond recovery.</summary>
    public bool IsLost => context is { IsLost: true };

    /// <summary>The most operations a second met so far, in GFLOP/s; 0 in the simulator.</summary>
    public double PeakGflops { get; private set; }

    /// <summary>The most a copy moved, bytes read and written, in GB/s; 0 in the simulator.</summary>
    public double PeakGigabytes { get; private set; }

    /// <summary>What <see cref="PeakGflops"/> was met by.</summary>
    public string PeakOf => device.IsHost ? "FMA in registers" : $"{(Vendor is null ? "own" : "cuBLASLt's")} product of {Side}x{Side}x{Side}";

    /// <summary>Kernels launched so far; null where there are none.</summary>
    public long? Launches => context?.Launches;

    /// <summary>Bytes that kernels had to move so far, as their launchers reckon; null where there are none.</summary>
    public long? BytesMoved => context is null ? null : device.Backend.BytesMoved;

    /// <summary>One run of the work in milliseconds.</summary>
    public double Time(BenchWork work)
    {
        work.Ready();
        if (isCold)
            Flush();
        double milliseconds = Time(work.Run);
        work.Done();
        return milliseconds;
    }

    /// <summary>Meets the limits once more; the best of all counts.</summary>
    public void MeasurePeaks()
    {
        if (IsSimulated)
            return;
        double bytes = 2.0 * from!.Shape.Count * from.DType.Size();
        PeakGigabytes = Math.Max(PeakGigabytes, bytes / Time(Flush) * 1e-6);
        PeakGflops = Math.Max(PeakGflops, matrix is null ? CpuPeak.Gflops(device.Threads) : 2.0 * Side * Side * Side / Time(Multiply) * 1e-6);
    }

    /// <summary>Gives the memory back.</summary>
    public void Dispose()
    {
        Vendor?.Dispose();
        start?.Dispose();
        stop?.Dispose();
        memory.Dispose();
        device.Allocator.Trim();
    }

    private void Flush() => device.Backend.Copy(from!.Operand, to!.Operand);

    private void Multiply()
    {
        if (Vendor is null)
            device.Backend.MatMul(matrix!.Operand, matrix.Operand, product!.Operand, default);
        else
            Vendor.Multiply(matrix!.Operand.Address, false, matrix.Operand.Address, false, product!.Operand.Address, Side, Side, Side, device.Compute == DType.BF16);
    }

    /// <summary>An action in milliseconds, of the host's clock or the device's.</summary>
    public double Time(Action run)
    {
        if (context is null)
        {
            long begin = Stopwatch.GetTimestamp();
            run();
            return Stopwatch.GetElapsedTime(begin).TotalMilliseconds;
        }
        start!.Record();
        run();
        stop!.Record();
        stop.Synchronize();
        return stop.MillisecondsSince(start);
    }

    /// <summary>The processor's last cache, where the system tells its size, as 32768K.</summary>
    private static long CacheBytes()
    {
        const string Size = "/sys/devices/system/cpu/cpu0/cache/index3/size";
        return File.Exists(Size) && long.TryParse(File.ReadAllText(Size).TrimEnd().TrimEnd('K'), NumberStyles.None, CultureInfo.InvariantCulture, out long kibibytes)
            ? kibibytes << 10
            : 0;
    }
}
