using System.Runtime.InteropServices;

namespace JepaEngine.Cuda.Loading;

/// <summary>A place a library was looked for in.</summary>
/// <param name="Path">The file, or the name given to the system's loader.</param>
/// <param name="Fault">What was wrong; null where it was loaded.</param>
public sealed record LibraryAttempt(string Path, string? Fault);

/// <summary>A native library: every place it was looked for in, and once found its functions. Never unloaded: its code may still run.</summary>
internal sealed class NativeFile
{
    private readonly List<LibraryAttempt> attempts = [];
    private readonly List<string> missing = [];
    private nint handle;

    private NativeFile(string name) => Name = name;

    /// <summary>What it is called in reports.</summary>
    public string Name { get; }

    /// <summary>What was loaded, as a full path or as the loader's name; null where nothing was.</summary>
    public string? Path { get; private set; }

    public IReadOnlyList<LibraryAttempt> Attempts => attempts;

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
            attempts.Add(new(path, Reason(path, fault.Message)));
            return false;
        }
    }

    // The runtime's message is a paragraph of advice; the loader's own words are the line that begins with the path.
    private static string Reason(string path, string message) =>
        message.Split('\n').FirstOrDefault(line => line.StartsWith(path + ":", StringComparison.Ordinal)) is { } line ? line[(path.Length + 1)..].Trim() : "not found";
}
