namespace JepaEngine.Jepa.Models;

/// <summary>
/// Names of tensors without what is put before and into them by whatever wraps a model or a part of it: compilation,
/// parallelism, and the trainers that keep it as their "model" or "net".
/// </summary>
internal static class Wrappers
{
    private static readonly string[] Modules = ["_orig_mod", "module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"], Owners = ["model", "net"];

    /// <summary>
    /// As the file has them; without wrapping modules and owners that stand first; without any. Real names may hold
    /// "module" or "net", so a file is taken by the first of these that fits a model.
    /// </summary>
    public static IReadOnlyList<Func<string, string>> Namings { get; } = [name => name, Bare, Barest];

    /// <summary>Refuses a file that has one of the tensors also under a wrapper's name.</summary>
    /// <exception cref="BadFileException">It does; which of them is meant nobody can tell.</exception>
    public static void RequireOne(TensorFile file, IReadOnlyList<TensorEntry> used)
    {
        HashSet<string> names = [.. used.Select(entry => entry.Name)];
        foreach (IGrouping<string, string> same in file.Entries.Keys.GroupBy(Bare))
            if (same.FirstOrDefault(names.Contains) is { } mine && same.FirstOrDefault(name => !names.Contains(name)) is { } other)
                throw new BadFileException(file.Path, $"'{mine}' and '{other}' are one tensor but for a wrapper's "
                    + $"prefix; keep one of them");
    }

    /// <summary>A name without wrapping modules and owners that stand first.</summary>
    public static string Bare(string name)
    {
        string[] words = Without(name, Modules);
        int first = 0;
        while (first < words.Length - 1 && Owners.Contains(words[first]))
            first++;
        return string.Join('.', words[first..]);
    }

    private static string Barest(string name) => string.Join('.', Without(name, [.. Modules, .. Owners]));

    private static string[] Without(string name, string[] wrappers)
    {
        string[] words = name.Split('.');
        return [.. words[..^1].Where(word => !wrappers.Contains(word)), words[^1]];
    }
}
