using static JepaEngine.Jepa.Benchmarking.TextTable;

namespace JepaEngine.Jepa.Benchmarking;

/// <summary>
/// The tables of documents, made from committed records: what stands between <c>&lt;!-- table: models cpu --&gt;</c> and <c>&lt;!-- end --&gt;</c> is the table
/// of that name for that kind of device. A table shows one machine, that of the newest record, and of each work its newest record.
/// <c>hardware cuda</c>, of all GPUs, and <c>measured cuda</c> are sentences as long as nothing has run on one.
/// </summary>
public static class BenchDocument
{
    private const string Opening = "<!-- table: ", Closing = " -->", End = "<!-- end -->";

    /// <summary>The text with its tables made anew; the rest is as it was.</summary>
    /// <param name="text">A document.</param>
    /// <param name="records">What was measured.</param>
    /// <param name="proofs">What was checked; only the table <c>hardware cuda</c> asks for it.</param>
    /// <exception cref="FormatException">A table has no end, a name that there is not, or no record; the message says which and why.</exception>
    public static string Rewrite(
        string text, IReadOnlyList<BenchRecord> records, IReadOnlyList<ProofRecord>? proofs = null)
    {
        var lines = new List<string>();
        string? open = null;
        foreach (string line in text.Split('\n'))
        {
            if (line.StartsWith(Opening, StringComparison.Ordinal))
            {
                if (open is not null)
                    throw new FormatException($"the table '{open}' has no line {End} before the next one");
                open = line[Opening.Length..].Replace(Closing, "", StringComparison.Ordinal);
                lines.AddRange([line, "", .. Table(open, records, proofs ?? []), ""]);
            }
            else if (line == End)
            {
                open = null;
            }
            if (open is null)
                lines.Add(line);
        }
        return open is null ? string.Join('\n', lines) : throw new FormatException($"the table '{open}' has no line {End}");
    }

    private static IEnumerable<string> Table(
        string table, IReadOnlyList<BenchRecord> records, IReadOnlyList<ProofRecord> proofs)
    {
        if (table == "hardware cuda")
            return HardwareTable.Lines(records, proofs);
        if (table == "measured cuda")
        {
            return BenchResults.Any(records, "cuda")
                ? Measured(new BenchResults(records, "cuda"))
                : ["Nothing has been measured on a GPU yet."];
        }
        if (table.Split(' ') is not [string name, string device])
            throw new FormatException($"'{table}' is no table's name and a device, as 'models cpu'");
        var results = new BenchResults(records, device);
        return name switch
        {
            "machine" => [Machine(results)],
            "models" => Models(results),
            "operations" => Operations(results, results.Operations.Where(work => results.HasPeer(work))),
            "others" => Operations(results, results.Operations.Where(work => !results.HasPeer(work))),
            "benchmarks" => TextTable.Markdown(BenchmarkColumns, results.Benchmarks),
            _ => throw new FormatException($"no table is called '{name}'; there are machine, models, operations, "
                + "others and benchmarks, and of cuda hardware and measured"),
        };
    }

    private static readonly (string Head, bool IsText, Func<BenchRecord, string> Cell)[] BenchmarkColumns =
    [
        ("case", true, record => record.Case),
        ("threads", false, record => Text($"{record.Threads}")),
        ("p50", false, record => Time(record.P50)),
        ("noise", false, Noise),
        ("rate", false, BenchTable.Rate),
        ("% peak", false, BenchTable.OfPeak),
        ("bytes", false, record => record.Allocated is { } bytes ? Text($"{bytes}") : "-"),
    ];

    /// <summary>Where and with what: one line.</summary>
    private static string Machine(BenchResults results)
    {
        BenchRecord ours = results.Newest;
        BenchMachine machine = ours.Machine!;
        string build = machine.Build.Split('+') is [string version, string commit, ..] ? $"{version} at {commit[..Math.Min(7, commit.Length)]}" : machine.Build;
        string[] peers = [.. results.Peers.Select(peer => Version(peer.Engine)).Distinct().Order(StringComparer.Ordinal)];
        string beside = peers.Length == 0 ? "" : $", beside {string.Join(" and ", peers)}";
        string where = results.Device == "cpu"
            ? $"{BenchHistory.NameOf(ours)}, {machine.Simd}"
            : $"{machine.Gpu}, driver {machine.Driver}, {machine.Compiler}";
        return $"{where}, {machine.System}, {machine.Runtime}; {build}{beside}; {ours.Utc!.Split('T')[0]}.";
    }

    /// <summary>An engine's name and version, without the way it was used: as ONNX Runtime 1.23.</summary>
    private static string Version(string engine)
    {
        string[] words = engine.Split(' ');
        return string.Join(' ', words[..(Array.FindIndex(words, word => char.IsDigit(word[0])) + 1)]);
    }

    /// <summary>The machine, its models and all its operations.</summary>
    private static IEnumerable<string> Measured(BenchResults results) =>
    [
        Machine(results),
        .. results.Models.Any() ? Models(results).Prepend("") : [],
        .. results.Operations.Any() ? Operations(results, results.Operations).Prepend("") : [],
    ];

    private static IEnumerable<string> Models(BenchResults results)
    {
        (string, bool, Func<BenchRecord, string>)[] columns =
        [
            ("model", true, record => record.Case),
            ("pass", true, record => record.Pass),
            results.Device == "cpu" ? ("threads", false, record => Text($"{record.Threads}")) : ("dtype", true, Tier),
            ("JepaEngine", false, record => Time(record.P50)),
            ("noise", false, Noise),
            ("GFLOP/s", false, record => record.Flops > 0 ? Text($"{record.Gflops:0}") : "-"),
            ("% peak", false, BenchTable.OfPeak),
            .. PeersOf(results, results.Models).SelectMany(peer => ((string, bool, Func<BenchRecord, string>)[])
            [
                (peer, false, record => results.Peer(record, peer) is { } other ? Time(other.P50) : "-"),
                ("ratio", false, record => Ratio(results, record, peer)),
            ]),
        ];
        return TextTable.Markdown(columns, results.Models);
    }

    /// <summary>
    /// A row a work, and on a GPU a tier, with a column for each number of threads that it was measured with.
    /// </summary>
    private static IEnumerable<string> Operations(BenchResults results, IEnumerable<BenchRecord> records)
    {
        bool isGpu = results.Device != "cpu";
        ILookup<(string, string, string), BenchRecord> works =
            records.ToLookup(record => (record.Case, record.Pass, Tier(record)));
        int[] threads = [.. works.SelectMany(work => work).Select(record => record.Threads).Distinct().Order()];
        string[] peers = PeersOf(results, works.SelectMany(work => work));
        (string, bool)[] columns =
        [
            ("operation", true), ("pass", true), .. isGpu ? [("dtype", true)] : ((string, bool)[])[],
            .. threads.SelectMany(count => ((string, bool)[])
                [(count == 0 ? "p50" : Text($"{count} thread{(count > 1 ? "s" : "")}"), false), ("noise", false), ("% peak", false), .. peers.Select(peer => (peer, false))]),
        ];
        return TextTable.Markdown(columns, works.Select(work => (string[])
        [
            work.Key.Item1, work.Key.Item2, .. isGpu ? [work.Key.Item3] : (string[])[],
            .. threads.SelectMany(count => Cells(work.FirstOrDefault(record => record.Threads == count))),
        ]));

        string[] Cells(BenchRecord? record) => record is null
            ? [.. Enumerable.Repeat("-", 3 + peers.Length)]
            :
            [
                Time(record.P50), Noise(record), BenchTable.OfPeak(record),
                .. peers.Select(peer => Ratio(results, record, peer)),
            ];
    }

    /// <summary>Who did any of these works too.</summary>
    private static string[] PeersOf(BenchResults results, IEnumerable<BenchRecord> records) =>
        [.. results.PeerNames.Where(peer => records.Any(record => results.Peer(record, peer) is not null))];

    private static string Tier(BenchRecord record) => record.DType.ToLowerInvariant();

    /// <summary>How many times as long a peer takes.</summary>
    private static string Ratio(BenchResults results, BenchRecord record, string peer) => results.Peer(record, peer) is { } other ? Text($"{other.P50 / record.P50:0.00}x") : "-";

    private static string Noise(BenchRecord record) => record.Noise is { } noise ? Text($"{100 * noise:0} %") : "-";

    private static string Time(double milliseconds) => milliseconds switch
    {
        >= 1000 => Text($"{milliseconds / 1000:0.00} s"),
        >= 1 => Text($"{milliseconds:0.0} ms"),
        >= 1e-3 => Text($"{1000 * milliseconds:0} µs"),
        _ => Text($"{1e6 * milliseconds:0} ns"),
    };
}
