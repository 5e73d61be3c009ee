using System.Diagnostics;
using JepaEngine.Backends.Profiling;
using JepaEngine.Cuda.Driver;

namespace JepaEngine.Jepa.Benchmarking;

/// <summary>
/// Runs a case operation by operation: the fastest of a few runs, once they are warm, beside the limits of the same minute, which are the best that was met too.
/// Operands lie where the operation before left them.
/// </summary>
public static class RooflineProfile
{
    private const int MostRuns = 15;

    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(1), Enough = TimeSpan.FromSeconds(3);

    /// <summary>Measures.</summary>
    /// <param name="item">What to run.</param>
    /// <param name="machine">Where.</param>
    /// <param name="cancellation">Ends it between two runs.</param>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    /// <exception cref="CudaException">A kernel fails or is missing.</exception>
    public static Roofline Of(BenchCase item, BenchMachine machine, CancellationToken cancellation = default)
    {
        using var device = new BenchDevice(item.Device, isCold: false);
        using BenchWork work = item.Prepare();
        using var profile = new OperationProfile(item.Device);
        var runs = new List<(double Milliseconds, IReadOnlyList<ProfiledOperation> Operations)>();
        // The first runs are the runtime's, which compiles what is called often.
        Repeat(WarmUp, () => device.Time(work));
        Repeat(Enough, () =>
        {
            device.MeasurePeaks();
            work.Ready();
            profile.Clear();
            double milliseconds = device.Time(work.Run);
            runs.Add((milliseconds, profile.Read()));
            work.Done();
        });
        (double wall, IReadOnlyList<ProfiledOperation> operations) = runs.MinBy(run => run.Milliseconds);
        return Roofline.Of(item, device, wall, operations, machine);

        void Repeat(TimeSpan enough, Action run)
        {
            var clock = Stopwatch.StartNew();
            for (int i = 0; i == 0 || (i < MostRuns && clock.Elapsed < enough); i++)
            {
                cancellation.ThrowIfCancellationRequested();
                run();
            }
        }
    }
}
