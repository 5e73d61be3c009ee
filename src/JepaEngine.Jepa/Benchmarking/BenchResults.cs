namespace JepaEngine.Jepa.Benchmarking;

/// <summary>Committed records of one kind of device on the machine that was measured last: of each work this engine's newest record and the peers'.</summary>
internal sealed class BenchResults
{
    /// <summary>This engine's name.</summary>
    public const string Ours = "JepaEngine";

    private readonly BenchRecord[] records;

    /// <param name="all">Of all machines and times.</param>
    /// <param name="device">The kind: <c>cpu</c> or <c>cuda</c>.</param>
    /// <exception cref="FormatException">Nothing of this engine was measured with such a device.</exception>
    public BenchResults(IEnumerable<BenchRecord> all, string device)
    {
        Device = device;
        BenchRecord[] ofDevice = [.. all.Where(record => IsOf(record, device))];
        Newest = ofDevice.Where(record => record.Engine == Ours).MaxBy(record => record.Utc, StringComparer.Ordinal)
            ?? throw new FormatException($"no record of {device} says on what machine it was measured, and when");
        records =
        [
            .. ofDevice.Where(record => BenchHistory.NameOf(record) == BenchHistory.NameOf(Newest))
                .GroupBy(record => (record.Case, record.Pass, record.DType, record.Threads, record.Engine))
                .Select(work => work.MaxBy(record => record.Utc, StringComparer.Ordinal)!),
        ];
        Peers =
        [
            .. records.Where(record => record.Engine != Ours),
            // Of what was measured by turns with this engine's row, as a vendor's product, the row keeps the median.
            .. records.Where(record => record.Engine == Ours).SelectMany(record => record.References
                .Select(other => record with { Engine = other.Engine, Samples = [other.P50], References = [] })),
        ];
        PeerNames = [.. Peers.Select(NameOf).Distinct().OrderBy(name => name != "PyTorch")];
    }

    /// <summary>Whether anything of this engine was measured with such a device.</summary>
    public static bool Any(IEnumerable<BenchRecord> all, string device) =>
        all.Any(record => IsOf(record, device) && record.Engine == Ours);

    /// <summary>The kind of device.</summary>
    public string Device { get; }

    /// <summary>This engine's newest record.</summary>
    public BenchRecord Newest { get; }

    /// <summary>What others needed.</summary>
    public IReadOnlyList<BenchRecord> Peers { get; }

    /// <summary>Who they are, without versions.</summary>
    public IReadOnlyList<string> PeerNames { get; }

    /// <summary>Models, as <see cref="BenchGrid.ModelNames"/> lists them.</summary>
    public IEnumerable<BenchRecord> Models => OfKind(name => BenchGrid.ModelNames.Contains(name))
        .OrderBy(record => BenchGrid.ModelNames.ToList().IndexOf(Kind(record))).ThenBy(record => record.Threads);

    /// <summary>Operations, in the order they were measured in.</summary>
    public IEnumerable<BenchRecord> Operations => OfKind(IsOperation);

    /// <summary>What the BenchmarkDotNet project measured.</summary>
    public IEnumerable<BenchRecord> Benchmarks => OfKind(name => !IsOperation(name) && !BenchGrid.ModelNames.Contains(name));

    /// <summary>A peer's fastest record of the same work.</summary>
    public BenchRecord? Peer(BenchRecord record, string peer) => Peers
        .Where(other => NameOf(other) == peer && other.Case == record.Case && other.Pass == record.Pass && other.DType == record.DType && other.Threads == record.Threads)
        .MinBy(other => other.P50);

    /// <summary>Whether any peer did the same work, with any number of threads.</summary>
    public bool HasPeer(BenchRecord record) => Peers.Any(other => other.Case == record.Case && other.Pass == record.Pass);

    private static bool IsOf(BenchRecord record, string device) =>
        record.Device.Split(':')[0] == device && record is { Machine: not null, Utc: not null };

    private static bool IsOperation(string name) => BenchGrid.OpNames.Contains(name);

    /// <summary>The first word of its case.</summary>
    private static string Kind(BenchRecord record) => record.Case.Split(' ')[0];

    /// <summary>An engine's name up to its version.</summary>
    private static string NameOf(BenchRecord record) => string.Join(' ', record.Engine.Split(' ').TakeWhile(word => !char.IsDigit(word[0])));

    private IEnumerable<BenchRecord> OfKind(Func<string, bool> isOne) => records.Where(record => record.Engine == Ours && isOne(Kind(record)));
}
