using System.Diagnostics;
using JepaEngine.Jepa.Benchmarking;

namespace JepaEngine.Benchmarks;

/// <summary>
/// A kernel's times and the FMA peak, taken by turns; of each the best tenth. Processor time is what one thread costs when others share the
/// cores; a comparison of one thread with two needs wall time and idle cores.
/// </summary>
/// <param name="Cpu">Seconds of processor time.</param>
/// <param name="Wall">Seconds by the clock.</param>
/// <param name="PeakGflops">One thread's FMA peak meanwhile.</param>
internal readonly record struct Measure(double Cpu, double Wall, double PeakGflops)
{
    /// <summary>Measures for this long, after a warm-up past the JIT's tiers.</summary>
    public static Measure Of(Action kernel, double seconds = 0.5)
    {
        long begin = Stopwatch.GetTimestamp();
        for (int i = 0; i < 3 || Stopwatch.GetElapsedTime(begin).TotalSeconds < seconds / 2; i++)
            kernel();
        List<double> cpu = [], wall = [], peaks = [];
        begin = Stopwatch.GetTimestamp();
        while (wall.Count < 10 || Stopwatch.GetElapsedTime(begin).TotalSeconds < seconds)
        {
            peaks.Add(-CpuPeak.Gflops());
            TimeSpan before = Environment.CpuUsage.TotalTime;
            long start = Stopwatch.GetTimestamp();
            kernel();
            wall.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
            cpu.Add((Environment.CpuUsage.TotalTime - before).TotalSeconds);
        }
        return new Measure(BestTenth(cpu), BestTenth(wall), -BestTenth(peaks));
    }

    private static double BestTenth(List<double> values)
    {
        values.Sort();
        return values[values.Count / 10];
    }
}
