namespace JepaEngine.Jepa.Benchmarking;

/// <summary>A results file: one record a line.</summary>
/// <param name="Records">Those that could be read.</param>
/// <param name="Skipped">Lines that are no record.</param>
public sealed record BenchFile(IReadOnlyList<BenchRecord> Records, int Skipped)
{
    /// <summary>Reads a file; a damaged line is skipped and counted.</summary>
    /// <exception cref="IOException">There is no such file.</exception>
    public static BenchFile Read(string path) => Parse(File.ReadLines(path));

    /// <summary>Reads lines; a damaged one is skipped and counted.</summary>
    public static BenchFile Parse(IEnumerable<string> lines)
    {
        var records = new List<BenchRecord>();
        int skipped = 0;
        foreach (string line in lines.Where(line => !string.IsNullOrWhiteSpace(line)))
        {
            if (Record(line) is { } record)
                records.Add(record);
            else
                skipped++;
        }
        return new BenchFile(records, skipped);
    }

    /// <summary>
    /// Reads all files of a folder that end in .jsonl, by name, but for proofs (<see cref="ProofRecord"/>).
    /// </summary>
    /// <exception cref="IOException">There is no such folder.</exception>
    public static BenchFile ReadFolder(string folder)
    {
        BenchFile[] files = [.. Directory.EnumerateFiles(folder, "*.jsonl")
            .Where(path => !path.EndsWith(ProofRecord.Ending, StringComparison.Ordinal))
            .Order(StringComparer.Ordinal).Select(Read)];
        return new BenchFile([.. files.SelectMany(file => file.Records)], files.Sum(file => file.Skipped));
    }

    /// <summary>Writes records, whole or not at all.</summary>
    /// <exception cref="IOException">The file cannot be written; an earlier one is intact.</exception>
    public static void Write(string path, IEnumerable<BenchRecord> records) =>
        AtomicFile.WriteText(path, string.Concat(records.Select(record => record.ToJson() + "\n")));

    /// <summary>The records of the same work on the same kind of device: a dtype, and on the processor as many threads.</summary>
    public IEnumerable<BenchReference> For(BenchRecord record) => Records
        .Where(other => other.Case == record.Case && other.Pass == record.Pass && other.DType == record.DType && other.Threads == record.Threads
            && (other.Device == "cpu") == (record.Device == "cpu") && other.Engine != record.Engine)
        .Select(other => new BenchReference(other.Engine, other.P50));

    private static BenchRecord? Record(string line)
    {
        try
        {
            return JsonRecord.Parse(line, "results", BenchJson.Lines.BenchRecord);
        }
        catch (BadFileException)
        {
            return null;
        }
    }
}
