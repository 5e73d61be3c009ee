using JepaEngine.Cuda.Driver;
using JepaEngine.Cuda.Loading;

namespace JepaEngine.Cuda.Simulation;

/// <summary>
/// A folder of sources and what is made of them, this user's alone, gone with the object. It is marked by a file that
/// is locked as long as the process lives: those of processes that were killed are removed by the next.
/// </summary>
internal sealed class BuildFolder : IDisposable
{
    private const string Prefix = "jepa-build-", Mark = "in-use";

    private static readonly Lazy<bool> Swept = new(Sweep);

    private readonly FileStream mark;

    /// <exception cref="CudaException">Others could replace what is built there.</exception>
    public BuildFolder()
    {
        _ = Swept.Value;
        Path = Directory.CreateTempSubdirectory(Prefix).FullName;
        if (PrivateFolder.Fault(Path) is { } fault)
        {
            Directory.Delete(Path);
            throw new CudaException($"nothing is built in the temporary folder: {fault}; name another in TMPDIR");
        }
        mark = new FileStream(File(Mark), FileMode.CreateNew, FileAccess.Write, FileShare.None);
    }

    public string Path { get; }

    public string File(string name) => System.IO.Path.Combine(Path, name);

    public void Write(string name, string text)
    {
        string path = File(name);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        System.IO.File.WriteAllText(path, text);
    }

    public void Dispose()
    {
        mark.Dispose();
        Directory.Delete(Path, recursive: true);
    }

    internal static bool Sweep()
    {
        foreach (string folder in Directory.EnumerateDirectories(System.IO.Path.GetTempPath(), Prefix + "*"))
        {
            try
            {
                if (PrivateFolder.Fault(folder) is null && IsLeft(folder))
                    Directory.Delete(folder, recursive: true);
            }
            catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
            {
                // It is in use, or another process was faster.
            }
        }
        return true;
    }

    private static bool IsLeft(string folder)
    {
        string path = System.IO.Path.Combine(folder, Mark);
        // One without a mark is about to get it, or is of a version that made none.
        if (!System.IO.File.Exists(path))
            return Directory.GetLastWriteTimeUtc(folder) < DateTime.UtcNow.AddHours(-1);
        using var free = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.None);
        return true;
    }
}
