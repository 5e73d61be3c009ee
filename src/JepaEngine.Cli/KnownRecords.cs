namespace JepaEngine.Cli;

/// <summary>
/// What <c>jepa bench</c> knows of its rows so far, and the file it lies in: of a run that is killed, everything up to
/// the second before.
/// </summary>
/// <param name="path">The file; null where none is asked for.</param>
/// <param name="peer">A peer's records of the same work, or null.</param>
internal sealed class KnownRecords(string? path, BenchFile? peer)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly Lock access = new();
    private readonly Stopwatch sinceWritten = Stopwatch.StartNew();
    private readonly Dictionary<string, BenchRecord> records = [];
    private bool isReplaced;

    /// <summary>One record a row, the newest.</summary>
    public IReadOnlyList<BenchRecord> Records
    {
        get
        {
            lock (access)
                return [.. records.Values];
        }
    }

    /// <summary>Whether the file can be written, before anything is measured.</summary>
    /// <exception cref="IOException">It cannot.</exception>
    public void TryFile()
    {
        isReplaced = path is not null && AtomicFile.Check(path);
    }

    /// <summary>Whether there is one of a row.</summary>
    public bool Has(string label)
    {
        lock (access)
            return records.ContainsKey(label);
    }

    /// <summary>Takes what is known of a row by now in the place of what was.</summary>
    public void Add(BenchRecord record)
    {
        lock (access)
        {
            records[record.Label] = peer is null
                ? record
                : record with { References = [.. record.References, .. peer.For(record)] };
        }
        // What is no file would get the same lines again.
        if (isReplaced && sinceWritten.Elapsed > Interval)
            Write();
    }

    /// <summary>Forgets a row.</summary>
    public void Remove(string label)
    {
        lock (access)
            records.Remove(label);
    }

    /// <summary>Writes the file, whole; not before there is anything to write.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public void Write()
    {
        if (path is not null && Records is { Count: > 0 } all)
            BenchFile.Write(path, all);
        sinceWritten.Restart();
    }
}
