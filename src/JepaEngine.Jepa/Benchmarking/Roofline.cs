using JepaEngine.Backends.Profiling;

namespace JepaEngine.Jepa.Benchmarking;

/// <summary>
/// What one device did in one dtype, beside its limits (Williams, Waterman and Patterson, Roofline, CACM 52(4), 2009): at an intensity of i FLOPs a byte
/// it reaches at most min(peak, i · bandwidth).
/// </summary>
/// <param name="Name">Device, threads and dtype, as <c>cpu x2 F32</c>; of one case's operations that case before it.</param>
/// <param name="Points">Most time first.</param>
/// <param name="PeakGflops">The compute roof in GFLOP/s; 0 where none was measured.</param>
/// <param name="PeakGigabytes">The memory roof in GB/s, of a copy; 0 where none was measured.</param>
/// <param name="PeakOf">What met the compute roof.</param>
/// <param name="Machine">Where.</param>
public sealed record Roofline(
    string Name, IReadOnlyList<RooflinePoint> Points, double PeakGflops, double PeakGigabytes, string? PeakOf, BenchMachine? Machine)
{
    /// <summary>The run whose operations the points are; null where each is a case.</summary>
    public RooflineRun? Run { get; init; }

    /// <summary>Every point or, of a run, the run itself, every operation and what passes between them.</summary>
    public IEnumerable<RooflinePoint> All => Run is null ? Points : [Run.Case, .. Run.Operations, .. new[] { Run.Between }.OfType<RooflinePoint>()];

    /// <summary>Whether both limits were measured.</summary>
    public bool HasRoofs => PeakGflops > 0 && PeakGigabytes > 0;

    /// <summary>The intensity in FLOPs a byte at which both limits meet.</summary>
    public double Ridge => PeakGflops / PeakGigabytes;

    /// <summary>A roofline of each engine, device, number of threads and dtype; of work that was measured twice the later one counts.</summary>
    public static IReadOnlyList<Roofline> Of(IEnumerable<BenchRecord> records) =>
    [
        .. records.GroupBy(record => (record.Engine, record.Device, record.Threads, record.DType)).Select(group => Of(NameOf(group.First()),
            [.. group.GroupBy(record => (record.Case, record.Pass)).Select(same => same.Last()).OrderByDescending(record => record.P50)])),
    ];

    /// <summary>That of one run's operations.</summary>
    internal static Roofline Of(BenchCase item, BenchDevice device, double milliseconds, IReadOnlyList<ProfiledOperation> operations, BenchMachine machine)
    {
        Device where = item.Device;
        var run = RooflineRun.Of(new RooflinePoint
        {
            Case = item.Name, Pass = item.Pass, Device = BenchDevice.NameOf(where), DType = where.Compute.ToString(),
            Threads = where.Threads, Milliseconds = device.IsSimulated ? null : milliseconds,
            PeakGflops = device.PeakGflops, PeakGigabytes = device.PeakGigabytes,
        }, operations);
        string name = $"{item.Name} on {NameOf(run.Case.Device, where.Threads, run.Case.DType)}";
        return new Roofline(name, run.Shown, device.PeakGflops, device.PeakGigabytes, device.PeakOf, machine) { Run = run };
    }

    private static Roofline Of(string name, BenchRecord[] records)
    {
        double total = records.Sum(record => record.P50);
        BenchRecord best = records.MaxBy(record => record.PeakGflops)!;
        return new Roofline(name, [.. records.Select((record, i) => RooflinePoint.Of(record, i + 1, total))], best.PeakGflops,
            records.Max(record => record.PeakGigabytes), best.PeakOf, best.Machine);
    }

    private static string NameOf(BenchRecord record) =>
        NameOf(record.Device, record.Threads, record.DType) + (record.Engine == "JepaEngine" ? "" : $" {record.Engine}");

    private static string NameOf(string device, int threads, string dtype) =>
        $"{device}{(threads > 0 ? string.Create(CultureInfo.InvariantCulture, $" x{threads}") : "")} {dtype}";
}
