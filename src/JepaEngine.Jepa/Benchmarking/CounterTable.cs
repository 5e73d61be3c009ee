namespace JepaEngine.Jepa.Benchmarking;

/// <summary>What the gate says of a counter.</summary>
public enum CounterVerdict
{
    /// <summary>It is what was accepted.</summary>
    Same,
    /// <summary>It is less.</summary>
    Shrunk,
    /// <summary>It is more, which fails.</summary>
    Grown,
    /// <summary>Nobody accepted it yet, which fails.</summary>
    New,
    /// <summary>It was accepted and is counted no longer.</summary>
    Gone,
    /// <summary>Nothing here can count it.</summary>
    Skipped,
}

/// <summary>A counter, accepted and counted.</summary>
/// <param name="Name">As <c>sim.train-step.launches</c>: its group, then what is counted.</param>
/// <param name="Accepted">What the file says; null where it does not.</param>
/// <param name="Counted">What it is; null where it was not counted.</param>
/// <param name="Verdict">What follows.</param>
public sealed record CounterChange(string Name, long? Accepted, long? Counted, CounterVerdict Verdict)
{
    /// <summary>Whether it fails the gate.</summary>
    public bool Fails => Verdict is CounterVerdict.Grown or CounterVerdict.New;

    /// <summary>The line that accepts it; null where a line has to go.</summary>
    public string? Line => Counted is { } value ? CounterTable.Line(Name, value) : null;
}

/// <summary>Counters that do not depend on the machine, as a file of lines of a name and a number.</summary>
/// <param name="Values">By name, in order.</param>
public sealed record CounterTable(SortedDictionary<string, long> Values)
{
    /// <summary>An empty one.</summary>
    public CounterTable() : this(new SortedDictionary<string, long>(StringComparer.Ordinal)) { }

    /// <summary>Reads what was accepted; nothing where there is no file yet.</summary>
    /// <exception cref="BadFileException">A line is no counter, or one stands twice.</exception>
    public static CounterTable Read(string path)
    {
        var table = new CounterTable();
        string[] lines = File.Exists(path) ? File.ReadAllLines(path) : [];
        for (int i = 0; i < lines.Length; i++)
        {
            string line = lines[i].Trim();
            if (line.Length == 0 || line[0] == '#')
                continue;
            string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words.Length != 2 || !long.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out long value))
                throw new BadFileException(path, $"line {i + 1} is no counter's name and number; mend it or rewrite the file with jepa gate --accept");
            if (!table.Values.TryAdd(words[0], value))
                throw new BadFileException(path, $"line {i + 1} names {words[0]} a second time; remove one of them");
        }
        return table;
    }

    /// <summary>Writes it, whole or not at all.</summary>
    /// <exception cref="IOException">The file cannot be written; an earlier one is intact.</exception>
    public void Write(string path) => AtomicFile.WriteText(path,
        "# What jepa gate holds: any growth fails. jepa gate --accept rewrites this file; say in the commit why a number grew.\n"
        + string.Concat(Values.Select(item => Line(item.Key, item.Value) + "\n")));

    /// <summary>A counter's line of the file.</summary>
    internal static string Line(string name, long value) => string.Create(CultureInfo.InvariantCulture, $"{name} {value}");

    /// <summary>Holds what was counted against this table, which was accepted.</summary>
    /// <param name="counted">What was counted.</param>
    /// <param name="skipped">Groups that could not be counted here: their counters stay as they were accepted.</param>
    public IReadOnlyList<CounterChange> Changes(CounterTable counted, IReadOnlyCollection<string> skipped) =>
        [.. Values.Keys.Union(counted.Values.Keys).Order(StringComparer.Ordinal).Select(name => Change(name, counted, skipped))];

    private CounterChange Change(string name, CounterTable counted, IReadOnlyCollection<string> skipped)
    {
        long? before = Values.TryGetValue(name, out long accepted) ? accepted : null, now = counted.Values.TryGetValue(name, out long value) ? value : null;
        return new CounterChange(name, before, now, (before, now) switch
        {
            (_, null) => skipped.Contains(name[..Math.Max(0, name.IndexOf('.'))]) ? CounterVerdict.Skipped : CounterVerdict.Gone,
            (null, _) => CounterVerdict.New,
            _ => value > accepted ? CounterVerdict.Grown : value < accepted ? CounterVerdict.Shrunk : CounterVerdict.Same,
        });
    }
}
