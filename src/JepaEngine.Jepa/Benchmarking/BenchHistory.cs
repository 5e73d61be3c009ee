namespace JepaEngine.Jepa.Benchmarking;

/// <summary>What one engine measured of a case with one device, dtype and number of threads, run after run.</summary>
/// <param name="Name">As <c>JepaEngine, cpu x2 F32</c>.</param>
/// <param name="Records">By time; a run that measured it twice counts with its later record.</param>
public sealed record HistoryLine(string Name, IReadOnlyList<BenchRecord> Records)
{
    /// <summary>The last median over the first, less 1.</summary>
    public double Change => Records[^1].P50 / Records[0].P50 - 1;
}

/// <summary>A case on one machine over all runs that measured it there: by whom, and with what, are its lines.</summary>
/// <param name="Case">As <c>LayerNorm 2048x1024</c>.</param>
/// <param name="Pass">As <c>forward</c>.</param>
/// <param name="Machine">As <c>AMD EPYC, 2 cores</c>, or the GPU's name.</param>
/// <param name="Lines">This engine's first.</param>
public sealed record BenchHistory(string Case, string Pass, string Machine, IReadOnlyList<HistoryLine> Lines)
{
    private const string Ours = "JepaEngine";

    /// <summary>When something was measured and of which build, by time: the horizontal axis.</summary>
    public IReadOnlyList<(string Utc, string Build)> Runs { get; } =
    [
        .. Lines.SelectMany(line => line.Records).GroupBy(record => record.Utc!)
            .Select(run => (run.Key, run.OrderBy(record => record.Engine != Ours).First().Machine!.Build)).OrderBy(run => run.Key, StringComparer.Ordinal),
    ];

    /// <summary>The name of its picture's file, without an ending.</summary>
    public string FileName => string.Join('-', $"{Case} {Pass} {Machine}".ToLowerInvariant()
        .Split([' ', ',', '/', '\\', '(', ')', ':'], StringSplitOptions.RemoveEmptyEntries));

    /// <summary>The histories in records. Simulated times mean nothing, and a record without machine or time has no place in one: both are left out.</summary>
    public static IReadOnlyList<BenchHistory> Of(IEnumerable<BenchRecord> records) =>
    [
        .. records.Where(record => record is { IsSimulated: false, Machine: not null, Utc: not null })
            .GroupBy(record => (record.Case, record.Pass, Machine: NameOf(record)))
            .Select(group => new BenchHistory(group.Key.Case, group.Key.Pass, group.Key.Machine, LinesOf(group))),
    ];

    /// <summary>What makes a machine another one: its times are never on one picture with this one's.</summary>
    internal static string NameOf(BenchRecord record) => record.Device == "cpu"
        ? string.Create(CultureInfo.InvariantCulture, $"{record.Machine!.Cpu}, {record.Machine.Cores} cores")
        : record.Machine!.Gpu is { } gpu ? BenchMachine.NameOf(gpu) : "a GPU";

    private static HistoryLine[] LinesOf(IEnumerable<BenchRecord> records) =>
    [
        .. records.GroupBy(Name).OrderBy(line => line.First().Engine != Ours).ThenBy(line => line.Key, StringComparer.Ordinal)
            .Select(line => new HistoryLine(line.Key,
                [.. line.GroupBy(record => record.Utc!).Select(run => run.Last()).OrderBy(record => record.Utc, StringComparer.Ordinal)])),
    ];

    private static string Name(BenchRecord record)
    {
        string threads = record.Threads > 0 ? string.Create(CultureInfo.InvariantCulture, $" x{record.Threads}") : "";
        return $"{record.Engine}, {record.Device}{threads} {record.DType}{(record.Cold ? "" : " warm")}";
    }
}
