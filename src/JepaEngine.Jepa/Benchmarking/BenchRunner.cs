using System.Diagnostics;
using JepaEngine.Cuda.Driver;
using JepaEngine.Cuda.Vendor;

namespace JepaEngine.Jepa.Benchmarking;

/// <summary>How the rows are measured.</summary>
/// <param name="IsCold">Whether each sample finds its operands in memory instead of in caches.</param>
/// <param name="Budget">The time it may take in all, or null for a second of samples a row.</param>
public sealed record BenchOptions(bool IsCold = true, TimeSpan? Budget = null);

/// <summary>
/// Measures rows in fifteen rounds after one to warm up: each round visits every row, prepares its operands anew, if that is quick, and takes a fifteenth of its samples. Neighbouring
/// samples are alike; what varies is where the operands lie and what else the machine does, now and in a minute, so that many short visits tell more than few long ones.
/// </summary>
public sealed class BenchRunner : IDisposable
{
    private const int Rounds = 15, MostSamples = 40, WarmUps = 30;

    /// <summary>Milliseconds: a sample that takes longer is taken in so many rounds only, and warmed up once.</summary>
    private const double Long = 2000;

    private const int RoundsIfLong = 3;

    /// <summary>
    /// Milliseconds: what takes longer to prepare, a model's weights, is prepared once. Where gigabytes came and went between
    /// visits of three encoders, V-JEPA 2 ViT-L on 2 frames took 1.08 s on a virtual machine, instead of 0.85.
    /// </summary>
    private const double LongPreparation = 500;

    /// <summary>Milliseconds of samples a visit, where nothing limits the run.</summary>
    private const double Usual = 120;

    private readonly Row[] rows;
    private readonly BenchOptions options;
    private readonly Dictionary<Device, BenchDevice> devices = [];
    private BenchMachine? machine;
    private readonly string utc = DateTime.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    /// <summary>A runner over these rows.</summary>
    public BenchRunner(IReadOnlyList<BenchCase> cases, BenchOptions options)
    {
        rows = [.. cases.Select(item => new Row(item))];
        this.options = options;
    }

    /// <summary>The rows that could not be measured, and why: a kernel that fails or is missing, or memory that there is not.</summary>
    public IEnumerable<(BenchCase Case, string Fault)> Faults => rows.Where(row => row.Fault is not null).Select(row => (row.Case, row.Fault!));

    /// <summary>How many visits all rows have together.</summary>
    public int Visits => (1 + Rounds) * rows.Length;

    /// <summary>
    /// What is known so far of the row that a visit is of; null before its first samples and after a fault.
    /// </summary>
    /// <param name="visit">Its number, from 0.</param>
    public BenchRecord? RecordOf(int visit) =>
        rows[visit % rows.Length] is { Fault: null, Times.Count: > 0 } row ? Record(row) : null;

    /// <summary>Measures; a row with a fault is left out.</summary>
    /// <param name="machine">Goes into every record.</param>
    /// <param name="visited">Called with the number of a visit when it is done, from 0.</param>
    /// <param name="cancellation">Ends the run between two visits.</param>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    /// <exception cref="CudaException">
    /// A row lost the device, on which no other can be measured: the one of the visit under way.
    /// </exception>
    public IReadOnlyList<BenchRecord> Run(BenchMachine machine, Action<int> visited, CancellationToken cancellation = default)
    {
        this.machine = machine;
        var clock = Stopwatch.StartNew();
        TimeSpan longest = TimeSpan.Zero;
        for (int round = -1; round < Rounds; round++)
        {
            TimeSpan begin = clock.Elapsed;
            // Where the time does not last for another round, what there is counts.
            if (round > 0 && begin + longest > options.Budget)
                break;
            for (int i = 0; i < rows.Length; i++)
            {
                cancellation.ThrowIfCancellationRequested();
                if (rows[i].Fault is null)
                    Attempt(rows[i], round);
                visited((round + 1) * rows.Length + i);
            }
            if (round < 0)
                Share(options.Budget - clock.Elapsed);
            else if (clock.Elapsed - begin is var took && took > longest)
                longest = took;
        }
        visited(Visits - 1);
        return [.. rows.Where(row => row.Fault is null).Select(Record)];
    }

    /// <summary>Gives the devices' memory back.</summary>
    public void Dispose()
    {
        foreach (Row row in rows)
            row.Work?.Dispose();
        foreach (BenchDevice device in devices.Values)
            device.Dispose();
    }

    private void Attempt(Row row, int round)
    {
        try
        {
            Visit(row, round);
        }
        catch (Exception error) when (error is NotSupportedException or MemoryRefusedException
            || (error is CudaException && !IsLost(row)))
        {
            row.Fault = error.Message;
        }
    }

    private void Visit(Row row, int round)
    {
        BenchDevice device = DeviceOf(row);
        if (round >= (device.IsSimulated ? 1 : row.IsLong ? RoundsIfLong : Rounds))
            return;
        var clock = Stopwatch.StartNew();
        BenchWork work = row.Work ?? row.Case.Prepare();
        try
        {
            device.MeasurePeaks();
            if (round < 0)
            {
                row.Preparation = clock.Elapsed.TotalMilliseconds;
                WarmUp(row, device, work);
            }
            else
            {
                Sample(row, device, work);
            }
        }
        finally
        {
            if (row.Preparation > LongPreparation)
                row.Work = work;
            else
                work.Dispose();
        }
    }

    private static void Sample(Row row, BenchDevice device, BenchWork work)
    {
        // The first run of a visit takes its memory from the system; a step or a plan among many does not.
        device.Time(work);
        for (int i = 0; i < row.Samples; i++)
            row.Times.Add(device.Time(work));
        row.Rounds++;
        if (row.Case.Product is { } product && device.Vendor is { } vendor)
            VisitVendor(row, device, new VendorWork(row.Case.Device, product, vendor));
    }

    /// <summary>As many samples of the vendor's, straight after: the ratio is of one moment.</summary>
    private static void VisitVendor(Row row, BenchDevice device, VendorWork work)
    {
        using (work)
        {
            device.Time(work);
            for (int i = 0; i < row.Samples; i++)
                row.VendorTimes.Add(device.Time(work));
        }
    }

    /// <summary>Past the first calls, which the runtime compiles slowly, but not for longer than the samples; then what a sample costs.</summary>
    private void WarmUp(Row row, BenchDevice device, BenchWork work)
    {
        double slot = Math.Min(Usual, options.Budget?.TotalMilliseconds / Visits ?? Usual);
        var clock = Stopwatch.StartNew();
        double last = CountFlops(row, () => device.Time(work));
        for (int i = 1; i < WarmUps && clock.Elapsed.TotalMilliseconds < slot; i++)
            last = device.Time(work);
        Count(row, device, work);
        row.Bytes = work.Bytes;
        row.IsLong = last > Long;
        // Emptying the caches is part of what a sample costs.
        clock.Restart();
        if (!device.IsSimulated && !row.IsLong)
            device.Time(work);
        row.Cost = clock.Elapsed.TotalMilliseconds;
    }

    /// <summary>
    /// Gives each row as many samples a visit as there is time for, but at least one: what is left after preparing all
    /// rows that are not kept is shared equally. One of the simulator's, whose times mean nothing.
    /// </summary>
    private void Share(TimeSpan? left)
    {
        double slot = left is { } time
            ? (time.TotalMilliseconds / Rounds
                - rows.Sum(row => (row.Work is null ? row.Preparation : 0) + 2 * row.Cost)) / rows.Length
            : Usual;
        foreach (Row row in rows)
            row.Samples = row.IsLong || row.Case.Device.Kind == DeviceKind.Simulator
                ? 1
                : (int)Math.Clamp(1 + slot / row.Cost, 1, MostSamples);
    }

    /// <summary>The first run of a case without a formula: its operations' FLOPs are the case's.</summary>
    private static double CountFlops(Row row, Func<double> run)
    {
        if (row.Case.Flops is { } known)
        {
            row.Flops = known;
            return run();
        }
        using var profile = new OperationProfile(row.Case.Device);
        double milliseconds = run();
        row.Flops = profile.Read().Sum(operation => operation.Flops);
        return milliseconds;
    }

    /// <summary>What a call allocates, launches and moves.</summary>
    private static void Count(Row row, BenchDevice device, BenchWork work)
    {
        work.Ready();
        long? launches = device.Launches, moved = device.BytesMoved;
        long bytes = GC.GetAllocatedBytesForCurrentThread();
        work.Run();
        row.Allocated = GC.GetAllocatedBytesForCurrentThread() - bytes;
        row.Launches = device.Launches - launches;
        row.Moved = device.BytesMoved - moved;
        work.Done();
    }

    /// <summary>Whether no other row of its device can be measured in this process.</summary>
    private bool IsLost(Row row) => devices.TryGetValue(row.Case.Device, out BenchDevice? device) && device.IsLost;

    private BenchDevice DeviceOf(Row row)
    {
        if (!devices.TryGetValue(row.Case.Device, out BenchDevice? device))
            devices.Add(row.Case.Device, device = new BenchDevice(row.Case.Device, options.IsCold));
        return device;
    }

    private BenchRecord Record(Row row)
    {
        BenchDevice device = DeviceOf(row);
        Device where = row.Case.Device;
        return new BenchRecord
        {
            Case = row.Case.Name, Pass = row.Case.Pass, Device = BenchDevice.NameOf(where),
            DType = where.Compute.ToString(), Threads = where.Threads, Engine = "JepaEngine", Cold = options.IsCold,
            Samples = [.. row.Times], Rounds = row.Rounds, Flops = row.Flops, Bytes = row.Bytes,
            PeakGflops = device.PeakGflops, PeakOf = device.IsSimulated ? null : device.PeakOf,
            PeakGigabytes = device.PeakGigabytes, Allocated = row.Allocated, Launches = row.Launches, Moved = row.Moved,
            References = row.VendorTimes.Count == 0 ? [] : [new BenchReference(VendorName(device.Vendor!), SampleStatistics.Quantile([.. row.VendorTimes], 0.5))],
            Machine = machine, Utc = utc,
        };
    }

    /// <summary>As cuBLASLt 12.4.</summary>
    private static string VendorName(CublasLt vendor) => string.Create(CultureInfo.InvariantCulture, $"cuBLASLt {vendor.Version / 10000}.{vendor.Version / 100 % 100}");

    /// <summary>A row and what has been measured of it.</summary>
    private sealed class Row(BenchCase item)
    {
        public BenchCase Case { get; } = item;
        public List<double> Times { get; } = [];
        public List<double> VendorTimes { get; } = [];
        public string? Fault { get; set; }

        /// <summary>What was prepared, where it is kept.</summary>
        public BenchWork? Work { get; set; }

        /// <summary>Milliseconds before its first sample of a visit.</summary>
        public double Preparation { get; set; }

        /// <summary>Milliseconds of a sample, emptied caches included.</summary>
        public double Cost { get; set; }

        /// <summary>Samples a visit.</summary>
        public int Samples { get; set; }

        public int Rounds { get; set; }
        public bool IsLong { get; set; }
        public double Flops { get; set; }
        public double Bytes { get; set; }
        public long Allocated { get; set; }
        public long? Launches { get; set; }
        public long? Moved { get; set; }
    }
}
