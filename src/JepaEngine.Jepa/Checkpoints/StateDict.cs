using JepaEngine.IO;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Jepa.Checkpoints;

/// <summary>Fills tensors from a file, all or none.</summary>
internal static class StateDict
{
    /// <summary>Reads each key into its tensor. Nothing is written unless the file has every key, in its shape and a float type, and no other.</summary>
    /// <param name="file">The file.</param>
    /// <param name="wanted">What is needed.</param>
    /// <param name="idle">Keys the file may have beyond that.</param>
    /// <exception cref="BadFileException">Names all keys that are missing, too many or of another shape or type.</exception>
    public static void Read(TensorFile file, IReadOnlyList<(string Key, Tensor Destination)> wanted, Predicate<string> idle)
    {
        var extra = file.Entries.Keys.Where(key => !idle(key)).ToHashSet();
        foreach ((string key, _) in wanted)
            extra.Remove(key);
        // The right name of a missing key is most likely among those nobody asked for.
        IEnumerable<string> candidates = extra.Count > 0 ? extra : file.Entries.Keys;
        List<string> missing = [], misfit = [];
        foreach ((string key, Tensor destination) in wanted)
        {
            if (!file.Entries.TryGetValue(key, out TensorEntry? entry))
                missing.Add($"{key} (nearest is {Nearest.Of(key, candidates)})");
            else if (entry.Shape != destination.Shape)
                misfit.Add($"{key} is {entry.Shape}, not {destination.Shape}");
            else if (!entry.DType.IsFloat())
                misfit.Add($"{key} holds {entry.DType}, not floats");
        }
        if (missing.Count + misfit.Count + extra.Count > 0)
        {
            throw new BadFileException(file.Path, "it does not fit the model: " + string.Join("; ",
                new[] { List("missing", missing), List("do not fit", misfit), List("too many", extra.Order()) }.Where(part => part.Length > 0)));
        }
        foreach ((string key, Tensor destination) in wanted)
            file.ReadInto(key, destination);
    }

    private static string List(string what, IEnumerable<string> items)
    {
        string[] all = [.. items];
        return all.Length == 0 ? "" : $"{all.Length} {what}: {string.Join(", ", all)}";
    }
}
