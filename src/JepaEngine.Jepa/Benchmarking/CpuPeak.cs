using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace JepaEngine.Jepa.Benchmarking;

/// <summary>
/// What this processor can do at best, measured in the process and the second in which a kernel is measured: on a shared or throttled
/// machine only such a ratio means anything.
/// </summary>
public static unsafe class CpuPeak
{
    private const int Steps = 20_000, Turns = 20;

    /// <summary>The fused multiply-adds of so many threads at once in GFLOP/s: of each thread its best turn, added.</summary>
    public static double Gflops(int threads)
    {
        double[] best = new double[threads];
        using var barrier = new Barrier(threads);
        Thread[] others = [.. Enumerable.Range(1, threads - 1).Select(i => new Thread(() => Turn(i)) { IsBackground = true })];
        foreach (Thread thread in others)
            thread.Start();
        Turn(0);
        foreach (Thread thread in others)
            thread.Join();
        return best.Sum();

        void Turn(int thread)
        {
            barrier.SignalAndWait();
            for (int turn = 0; turn < Turns; turn++)
                best[thread] = Math.Max(best[thread], Gflops());
        }
    }

    /// <summary>One thread's fused multiply-adds in GFLOP/s: 12 independent chains of the widest vectors, all in registers.</summary>
    public static double Gflops()
    {
        long start = Stopwatch.GetTimestamp();
        if (Vector512.IsHardwareAccelerated)
            Chains512(Steps);
        else
            Chains256(Steps);
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        return 2.0 * Steps * 12 * (Vector512.IsHardwareAccelerated ? 16 : 8) / seconds * 1e-9;
    }

    // Inlined, the chains would be dead code.
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static float Chains512(int steps)
    {
        Vector512<float> x = Vector512.Create(0.5f), a = x, b = x, c = x, d = x, e = x, f = x, g = x, h = x, i = x, j = x, k = x, l = x;
        for (; steps > 0; steps--)
        {
            a = Vector512.FusedMultiplyAdd(a, x, x);
            b = Vector512.FusedMultiplyAdd(b, x, x);
            c = Vector512.FusedMultiplyAdd(c, x, x);
            d = Vector512.FusedMultiplyAdd(d, x, x);
            e = Vector512.FusedMultiplyAdd(e, x, x);
            f = Vector512.FusedMultiplyAdd(f, x, x);
            g = Vector512.FusedMultiplyAdd(g, x, x);
            h = Vector512.FusedMultiplyAdd(h, x, x);
            i = Vector512.FusedMultiplyAdd(i, x, x);
            j = Vector512.FusedMultiplyAdd(j, x, x);
            k = Vector512.FusedMultiplyAdd(k, x, x);
            l = Vector512.FusedMultiplyAdd(l, x, x);
        }
        return Vector512.Sum(a + b + c + d + e + f + g + h + i + j + k + l);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static float Chains256(int steps)
    {
        Vector256<float> x = Vector256.Create(0.5f), a = x, b = x, c = x, d = x, e = x, f = x, g = x, h = x, i = x, j = x, k = x, l = x;
        for (; steps > 0; steps--)
        {
            a = Vector256.FusedMultiplyAdd(a, x, x);
            b = Vector256.FusedMultiplyAdd(b, x, x);
            c = Vector256.FusedMultiplyAdd(c, x, x);
            d = Vector256.FusedMultiplyAdd(d, x, x);
            e = Vector256.FusedMultiplyAdd(e, x, x);
            f = Vector256.FusedMultiplyAdd(f, x, x);
            g = Vector256.FusedMultiplyAdd(g, x, x);
            h = Vector256.FusedMultiplyAdd(h, x, x);
            i = Vector256.FusedMultiplyAdd(i, x, x);
            j = Vector256.FusedMultiplyAdd(j, x, x);
            k = Vector256.FusedMultiplyAdd(k, x, x);
            l = Vector256.FusedMultiplyAdd(l, x, x);
        }
        return Vector256.Sum(a + b + c + d + e + f + g + h + i + j + k + l);
    }
}
