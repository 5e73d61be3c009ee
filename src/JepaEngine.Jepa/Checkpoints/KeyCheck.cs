namespace JepaEngine.Jepa.Checkpoints;

/// <summary>How the tensors of a file differ from those a model needs: all differences at once, each with the most likely reason.</summary>
/// <param name="Missing">Needed, but not there; the first ones with the nearest name.</param>
/// <param name="Misfit">There, but of another shape or no floats.</param>
/// <param name="Extra">There, but not needed.</param>
public sealed record KeyCheck(IReadOnlyList<string> Missing, IReadOnlyList<string> Misfit, IReadOnlyList<string> Extra)
{
    /// <summary>Keys of each kind that a message names, and whose likeliest name is looked for.</summary>
    private const int Named = 10;

    /// <summary>Compares. Shapes may differ in dimensions of 1.</summary>
    /// <param name="offered">What is there.</param>
    /// <param name="skipped">What is there but not read, with the reasons.</param>
    /// <param name="wanted">What is needed.</param>
    internal static KeyCheck Of(IEnumerable<TensorEntry> offered, IReadOnlyDictionary<string, string> skipped, IReadOnlyList<(string Key, Shape Shape)> wanted)
    {
        var entries = offered.ToDictionary(entry => entry.Name);
        var extra = entries.Keys.ToHashSet();
        foreach ((string key, _) in wanted)
            extra.Remove(key);
        // The right name of a missing key is most likely among those nobody asked for.
        IEnumerable<string> candidates = extra.Count > 0 ? extra : entries.Keys;
        List<string> missing = [], misfit = [];
        foreach ((string key, Shape shape) in wanted)
        {
            if (skipped.TryGetValue(key, out string? reason))
                misfit.Add($"{key} {reason}, which is not read");
            else if (!entries.TryGetValue(key, out TensorEntry? entry))
                missing.Add(entries.Count == 0 || missing.Count >= Named ? key : $"{key} (nearest is "
                    + $"{Nearest.Of(key, candidates)})");
            else if (!Fits(entry.Shape, shape))
                misfit.Add($"{key} is {entry.Shape}, not {shape}");
            else if (!entry.DType.IsFloat())
                misfit.Add($"{key} holds {entry.DType}, not floats");
        }
        return new KeyCheck(missing, misfit, [.. extra.Order(StringComparer.Ordinal)]);
    }

    /// <summary>Whether the file has what is needed and nothing else.</summary>
    public bool Passed => Missing.Count + Misfit.Count + Extra.Count == 0;

    /// <summary>Refuses a file that differs.</summary>
    /// <exception cref="BadFileException">It differs; the message names the first keys of each kind.</exception>
    internal void Require(string path)
    {
        if (!Passed)
            throw new BadFileException(path, $"it does not fit the model: {this}");
    }

    /// <summary>As <c>1 missing: a (nearest is b); 1 too many: b</c>.</summary>
    public override string ToString() => string.Join("; ",
        new[] { List("missing", Missing), List("do not fit", Misfit), List("too many", Extra) }.Where(part => part.Length > 0));

    private static bool Fits(in Shape offered, in Shape wanted) => offered == wanted
        || offered.ToArray().Where(d => d != 1).SequenceEqual(wanted.ToArray().Where(d => d != 1));

    private static string List(string what, IReadOnlyList<string> items) => items.Count == 0 ? ""
        : $"{items.Count} {what}: {string.Join(", ", items.Take(Named))}{(items.Count > Named ? $" and {items.Count - Named} more" : "")}";
}
