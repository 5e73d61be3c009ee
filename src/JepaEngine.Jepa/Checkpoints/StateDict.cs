using JepaEngine.IO;
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
        KeyCheck.Of(file.Entries.Values.Where(entry => !idle(entry.Name)), [.. wanted.Select(w => (w.Key, w.Destination.Shape))]).Require(file.Path);
        foreach ((string key, Tensor destination) in wanted)
            file.ReadInto(key, destination);
    }
}
