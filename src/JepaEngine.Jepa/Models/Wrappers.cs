using System.Text;

namespace JepaEngine.Jepa.Models;

/// <summary>
/// Names of tensors without what is put before and into them by whatever wraps a model or a part of it: compilation,
/// parallelism, and the trainers that keep it as their "model" or "net", beside the state of their training.
/// </summary>
internal static class Wrappers
{
    private static readonly string[]
        Modules = ["_orig_mod", "module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"],
        Owners = ["model", "net", "state_dict", "model_state_dict"], All = [.. Modules, .. Owners];

    /// <summary>
    /// A file as it is; what has the most owners, without them, so that what a trainer keeps beside its model is left
    /// out; all of it without wrapping modules and owners that stand first; without any. Real names may hold "module"
    /// or "net", so a file is taken by the first of these that fits a model.
    /// </summary>
    public static IReadOnlyList<Func<TensorFile, TensorFile>> Namings { get; } =
        [file => file, Innermost, file => file.Renamed(Bare), file => file.Renamed(name => Without(name, All))];

    /// <summary>Refuses a file that has one of the tensors also under a wrapper's name, or a second time beside the
    /// model.</summary>
    /// <param name="file">As it is.</param>
    /// <param name="named">As it is read.</param>
    /// <param name="used">What a model takes of it.</param>
    /// <exception cref="BadFileException">It does; which of them is meant nobody can tell.</exception>
    public static void RequireOne(TensorFile file, TensorFile named, IReadOnlyList<TensorEntry> used)
    {
        HashSet<string> names = [.. used.Select(entry => entry.Name)];
        foreach (IGrouping<string, string> same in named.Entries.Keys.GroupBy(Bare))
            if (same.FirstOrDefault(names.Contains) is { } mine && same.FirstOrDefault(name => !names.Contains(name)) is { } other)
                Refuse(mine, other);
        if (named.Entries.Count == file.Entries.Count)
            return;
        string first = "." + used[0].Name;
        string[] twice = [.. file.Entries.Keys
            .Where(name => $".{Bare(name)}".EndsWith(first, StringComparison.Ordinal)).Take(2)];
        if (twice.Length == 2)
            Refuse(twice[0], twice[1]);

        void Refuse(string one, string other) => throw new BadFileException(file.Path,
            $"'{one}' and '{other}' are one tensor but for a wrapper's prefix; keep one of them");
    }

    private static TensorFile Innermost(TensorFile file)
    {
        int most = file.Entries.Keys.Select(name => Start(name).Owners).DefaultIfEmpty().Max();
        return file.Renamed(name => Start(name).Owners == most ? Bare(name) : null);
    }

    /// <summary>A name without wrapping modules and owners that stand first.</summary>
    private static string Bare(string name) => Without(name[Start(name).Letters..], Modules);

    /// <summary>How long what wraps a name's first word is, and how many owners are in it.</summary>
    private static (int Letters, int Owners) Start(string name)
    {
        (int start, int owners) = (0, 0);
        for (int end; (end = name.IndexOf('.', start)) >= 0 && IsOneOf(name.AsSpan(start..end), All); start = end + 1)
            owners += IsOneOf(name.AsSpan(start..end), Owners) ? 1 : 0;
        return (start, owners);
    }

    private static string Without(string name, string[] wrappers)
    {
        StringBuilder? kept = null;
        int start = 0;
        for (int end; (end = name.IndexOf('.', start)) >= 0; start = end + 1)
        {
            if (IsOneOf(name.AsSpan(start..end), wrappers))
                kept ??= new StringBuilder(name, 0, start, name.Length);
            else
                kept?.Append(name, start, end + 1 - start);
        }
        return kept?.Append(name, start, name.Length - start).ToString() ?? name;
    }

    private static bool IsOneOf(ReadOnlySpan<char> word, string[] words)
    {
        foreach (string one in words)
            if (word.SequenceEqual(one))
                return true;
        return false;
    }
}
