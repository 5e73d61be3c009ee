using JepaEngine.Jepa.Benchmarking;
using JepaEngine.Primitives;

namespace JepaEngine.Benchmarks.Harness;

/// <summary>What this machine can do at best, met in this process around every case; the best of the run counts, as in <c>jepa bench</c>.</summary>
internal static class Limits
{
    /// <summary>A copy or a turn of fused multiply-adds now and then meets another process.</summary>
    private const int Tries = 3;

    private static readonly Dictionary<int, BenchDevice> Devices = [];

    /// <summary>The device of so many threads and the limits met so far.</summary>
    public static BenchDevice Of(int threads)
    {
        if (!Devices.TryGetValue(threads, out BenchDevice? device))
            Devices.Add(threads, device = new BenchDevice(Device.Cpu.With(threads: threads), isCold: false));
        return device;
    }

    /// <summary>Meets them once more.</summary>
    public static void Meet(int threads)
    {
        for (int i = 0; i < Tries; i++)
            Of(threads).MeasurePeaks();
    }
}
