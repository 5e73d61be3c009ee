using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace JepaEngine.Cuda.Compile;

/// <summary>The kernels' source: what is embedded in this library, or the same tree in a folder.</summary>
public sealed partial class KernelFiles
{
    /// <summary>Names a folder of edited kernels that is used instead of the embedded ones.</summary>
    public const string Variable = "JEPA_KERNELS";

    private readonly Func<string, string?> read;

    private KernelFiles(string description, Func<string, string?> read, Func<IEnumerable<string>> list) =>
        (Description, this.read, Names) = (description, read, list);

    /// <summary>The kernels as they were built in.</summary>
    public static KernelFiles Embedded { get; } = new("embedded", ReadResource, () => typeof(KernelFiles).Assembly.GetManifestResourceNames());

    /// <summary>The folder that <c>JEPA_KERNELS</c> names, or <see cref="Embedded"/>.</summary>
    public static KernelFiles Default => Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } folder ? In(folder) : Embedded;

    /// <summary>Where they come from, for reports.</summary>
    public string Description { get; }

    internal Func<IEnumerable<string>> Names { get; }

    /// <summary>A tree like <c>kernels/</c>, read anew each time.</summary>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    public static KernelFiles In(string folder)
    {
        string root = Path.GetFullPath(folder);
        if (!Directory.Exists(root))
            throw new DirectoryNotFoundException($"{Variable} names {folder}, which is no folder: name a copy of kernels/, or unset it");
        return new KernelFiles(root, path => ReadFile(Path.Combine(root, path)),
            () => Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(root, file).Replace('\\', '/')));
    }

    /// <summary>The text of a file.</summary>
    /// <param name="path">Its path below <c>kernels/</c>, with <c>/</c>.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    public string Read(string path) => read(path) ?? throw new FileNotFoundException($"kernels ({Description}) hold no {path}", path);

    /// <summary>The same files as they are now, whatever becomes of them.</summary>
    internal KernelFiles Snapshot()
    {
        Dictionary<string, string> texts = Names().Where(IsSource).ToDictionary(name => name, Read);
        return new(Description, path => texts.GetValueOrDefault(path), () => texts.Keys);
    }

    /// <summary>
    /// A file and all it includes from certain folders, as (the name it is included by, text), the file itself first. What is included but lies in none of
    /// them is left out: it is the compiler's own, or under a condition that does not hold.
    /// </summary>
    internal IReadOnlyList<(string Name, string Text)> Closure(string path, IReadOnlyList<string> folders)
    {
        var found = new List<(string Name, string Text)> { (path, Read(path)) };
        for (int i = 0; i < found.Count; i++)
            foreach (Match include in Include().Matches(found[i].Text))
            {
                string name = include.Groups["name"].Value;
                if (!found.Exists(file => file.Name == name) && folders.Select(folder => read($"{folder}/{name}")).FirstOrDefault(text => text is not null) is { } text)
                    found.Add((name, text));
            }
        return found;
    }

    /// <summary>SHA-256 of <see cref="Closure"/>: of everything the file is compiled from.</summary>
    internal string Hash(string path, IReadOnlyList<string> folders)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach ((string name, string text) in Closure(path, folders))
            hash.AppendData(Encoding.UTF8.GetBytes($"{name}\0{text}\0"));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static bool IsSource(string name) => Path.GetExtension(name) is ".cu" or ".cuh" or ".h" or ".cpp";

    private static string? ReadResource(string path)
    {
        using Stream? stream = typeof(KernelFiles).Assembly.GetManifestResourceStream(path);
        if (stream is null)
            return null;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    private static string? ReadFile(string path) => File.Exists(path) ? File.ReadAllText(path) : null;

    [GeneratedRegex("""^\s*#\s*include\s*"(?<name>[^"]+)""", RegexOptions.Multiline)]
    private static partial Regex Include();
}
