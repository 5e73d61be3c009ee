using System.Runtime.InteropServices;

namespace JepaEngine.Cuda.Loading;

/// <summary>A place a library was looked for in.</summary>
/// <param name="Path">The file, or the name given to the system's loader.</param>
/// <param name="Fault">What was wrong; null where it was loaded.</param>
public sealed record LibraryAttempt(string Path, string? Fault)
{
    /// <summary>What to do about a library that is there but cannot be loaded; null where none is.</summary>
    internal string? Mend { get; init; }
}

/// <summary>A native library: every place it was looked for in, and once found its functions. Never unloaded: its code may still run.</summary>
internal sealed class NativeFile
{
    private const string Processor = "it is for another kind of processor; name one for this process's instead", Damaged = "it is no library, or damaged; install it again";

    private static readonly (string Words, string? Mend)[] Mends =
    [
        ("Permission denied", "let this user read it and search its folders (chmod a+rX), or run as one who may"),
        ("wrong ELF class", Processor),
        ("Exec format", Processor),
        ("incompatible architecture", Processor),
        ("invalid ELF header", Damaged),
        ("file too short", Damaged),
        ("' not found", "it is for a newer system than this; install the one for this system, or update the system"),
        ("failed to map segment", "its folder is mounted not to be run (noexec); copy it elsewhere and name that"),
    ];

    private readonly List<LibraryAttempt> attempts = [];
    private readonly List<string> missing = [];
    private nint handle;

    private NativeFile(string name) => Name = name;

    /// <summary>What it is called in reports.</summary>
    public string Name { get; }

    /// <summary>What was loaded, as a full path or as the loader's name; null where nothing was.</summary>
    public string? Path { get; private set; }

    public IReadOnlyList<LibraryAttempt> Attempts => attempts;

    /// <summary>Why the first library that is there cannot be loaded, with the mend; null where none is
    /// there.</summary>
    public string? Refusal => attempts.Find(attempt => attempt.Mend is not null) is { } there
        ? $"{there.Path} is there and cannot be loaded ({there.Fault}): {there.Mend}"
        : null;

    /// <summary>Functions that were asked for and are not there.</summary>
    public IReadOnlyList<string> Missing => missing;

    /// <summary>Loads the first of the candidates that can be. A candidate with a fault is one already known not to be there.</summary>
    /// <param name="name">What it is called in reports.</param>
    /// <param name="candidates">In order of preference.</param>
    /// <param name="before">Called with a candidate's path before it is loaded.</param>
    public static NativeFile Find(string name, IEnumerable<LibraryAttempt> candidates, Action<string>? before = null)
    {
        var file = new NativeFile(name);
        foreach (LibraryAttempt candidate in candidates)
            if (candidate.Fault is not null)
                file.attempts.Add(candidate);
            else if (file.Load(candidate.Path, before))
                break;
        return file;
    }

    /// <summary>The address of a function; 0, and a note in <see cref="Missing"/>, where the library has none.</summary>
    public nint Export(string symbol)
    {
        if (TryExport(symbol) is not 0 and nint address)
            return address;
        if (Path is not null)
            missing.Add(symbol);
        return 0;
    }

    /// <summary>The address of a function that may well be missing; 0 where it is.</summary>
    public nint TryExport(string symbol) => Path is not null && NativeLibrary.TryGetExport(handle, symbol, out nint address) ? address : 0;

    /// <summary>One line a place, as reports show it.</summary>
    public IEnumerable<string> Lines() =>
        [.. attempts.Select(attempt => $"{Name}: {attempt.Path}: {attempt.Fault ?? "loaded"}"), .. missing.Select(symbol => $"{Name}: {Path} has no {symbol}")];

    private bool Load(string path, Action<string>? before)
    {
        try
        {
            before?.Invoke(path);
            handle = NativeLibrary.Load(path);
            Path = path;
            attempts.Add(new(path, null));
            return true;
        }
        catch (Exception fault) when (fault is DllNotFoundException or BadImageFormatException)
        {
            attempts.Add(Refused(path, fault.Message));
            return false;
        }
    }

    /// <summary>
    /// What the loader's words mean. The runtime's message is a paragraph of advice with the loader's own words in one
    /// line, which begins with the path, or with the name of a library that the path's needs.
    /// </summary>
    internal static LibraryAttempt Refused(string path, string message)
    {
        const string absent = "cannot open shared object file: No such file";
        string[] lines = message.Split('\n');
        if (lines.FirstOrDefault(line => line.StartsWith(path + ":", StringComparison.Ordinal)) is { } line)
            return new(path, line[(path.Length + 1)..].Trim()) { Mend = line.Contains(absent, StringComparison.Ordinal) ? null : MendOf(line) };
        if (System.IO.Path.IsPathRooted(path) && lines.FirstOrDefault(line => line.Contains(absent, StringComparison.Ordinal)) is { } needed)
        {
            string library = needed[..needed.IndexOf(':')].Trim();
            return new(path, $"it needs {library}, which is not there") { Mend = $"install {library}, or name its "
                + $"folder in LD_LIBRARY_PATH" };
        }
        return new(path, "not found");
    }

    private static string MendOf(string words) =>
        Mends.FirstOrDefault(mend => words.Contains(mend.Words, StringComparison.Ordinal)).Mend ?? "install it again, or name another";
}
