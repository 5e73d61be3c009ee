namespace JepaEngine.Cuda.Loading;

/// <summary>
/// Where CUDA's libraries lie: first what a variable names (a file, or a folder that holds it), then what the system's loader finds, then toolkits, then the
/// packages of Python, of an active environment and of each Python on the search path. Newer versions come first.
/// </summary>
internal static class CudaLibraries
{
    /// <summary>Name the library, or its folder, where it is not found by itself.</summary>
    public const string DriverVariable = "JEPA_CUDA", NvrtcVariable = "JEPA_NVRTC", CublasVariable = "JEPA_CUBLASLT", CudnnVariable = "JEPA_CUDNN";

    private const string LoaderVariable = "LD_LIBRARY_PATH";

    private static readonly string[] Toolkits = OperatingSystem.IsWindows()
        ? [@"%CUDA_PATH%\bin\x64", @"%CUDA_PATH%\bin"]
        : ["%CUDA_HOME%/lib64", "/usr/local/cuda*/lib64", "/usr/local/nvidia/lib64", "/usr/lib/wsl/lib"];

    private static string[] Packages => OperatingSystem.IsWindows()
        ? [.. PythonPackages.Patterns("%VIRTUAL_ENV%"), @"%CONDA_PREFIX%\Library\bin", .. PythonPackages.OnPath()]
        :
        [
            .. PythonPackages.Patterns("%VIRTUAL_ENV%"),
            "%CONDA_PREFIX%/lib",
            .. PythonPackages.OnPath(),
            .. PythonPackages.Patterns("/usr/local"),
            .. PythonPackages.Patterns("/usr"),
        ];

    /// <param name="path">The only place to look in; null looks everywhere.</param>
    public static NativeFile Driver(string? path = null) =>
        NativeFile.Find("CUDA driver", Candidates(path, DriverVariable, OperatingSystem.IsWindows() ? ["nvcuda.dll"] : ["libcuda.so.1"], Toolkits));

    /// <summary>NVRTC, and before it the library of built-ins that it opens by name: it finds that one where it is already loaded.</summary>
    public static NativeFile Nvrtc(string? path = null) => NativeFile.Find("NVRTC",
        Candidates(path, NvrtcVariable, OperatingSystem.IsWindows() ? ["nvrtc64_130_0.dll", "nvrtc64_120_0.dll"] : ["libnvrtc.so.13", "libnvrtc.so.12"], [.. Toolkits, .. Packages]),
        LoadBuiltins);

    public static NativeFile CublasLt() => NativeFile.Find("cuBLASLt", Candidates(null, CublasVariable,
        OperatingSystem.IsWindows() ? ["cublasLt64_13.dll", "cublasLt64_12.dll"] : ["libcublasLt.so.13", "libcublasLt.so.12"], [.. Toolkits, .. Packages]));

    public static NativeFile Cudnn() => NativeFile.Find("cuDNN", Candidates(null, CudnnVariable,
        OperatingSystem.IsWindows() ? ["cudnn64_9.dll"] : ["libcudnn.so.9"], [.. Toolkits, .. Packages]));

    internal static IEnumerable<LibraryAttempt> Candidates(string? path, string variable, string[] names, string[] folders)
    {
        if ((path ?? Environment.GetEnvironmentVariable(variable)) is { Length: > 0 } named)
        {
            // In full: a name alone is the loader's to find.
            named = Path.GetFullPath(named);
            return Directory.Exists(named) ? Within(named, names) : [Named(named, path is null ? variable : "as given")];
        }
        return [.. names.Select(name => new LibraryAttempt(name, Nearby(name))), .. folders.SelectMany(pattern => Folders(pattern, names))];
    }

    private static LibraryAttempt Named(string path, string how)
    {
        try
        {
            File.GetAttributes(path);
            return new(path, null);
        }
        catch (UnauthorizedAccessException)
        {
            return NativeFile.Refused(path, $"{path}: Permission denied");
        }
        catch (IOException)
        {
            return new(path, $"no such file ({how})");
        }
    }

    // An empty or relative part of the loader's path is the current folder, whose files may be anyone's.
    private static string? Nearby(string name) => Environment.GetEnvironmentVariable(LoaderVariable) is { Length: > 0 } all
        && all.Split(':', ';').Where(folder => !Path.IsPathFullyQualified(folder))
            .Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists) is { } near
        ? $"not taken from {Path.GetFullPath(near)}, where an empty or relative part of {LoaderVariable} leads: "
        + $"name its folders in full"
        : null;

    private static IEnumerable<LibraryAttempt> Folders(string pattern, string[] names)
    {
        string expanded = Environment.ExpandEnvironmentVariables(pattern);
        if (expanded.Contains('%', StringComparison.Ordinal) || !Path.IsPathFullyQualified(expanded))
            return []; // of a variable that is not set, or leads from the current folder
        string[] folders = [.. Expand(expanded)];
        return folders.Length == 0 ? [new(expanded, "no such folder")] : folders.SelectMany(folder => Within(folder, names));
    }

    private static IEnumerable<LibraryAttempt> Within(string folder, string[] names)
    {
        string[] files = [.. names.Select(name => Path.Combine(folder, name)).Where(File.Exists)];
        return files.Length == 0 ? [new(folder, $"holds no {string.Join(" or ", names)}")] : files.Select(file => new LibraryAttempt(file, null));
    }

    // The folders a pattern with * in some of its parts names, the last in the alphabet (the newest version) first.
    private static IEnumerable<string> Expand(string pattern)
    {
        string root = Path.GetPathRoot(pattern)!;
        IEnumerable<string> folders = [root];
        foreach (string part in pattern[root.Length..].Split('/', '\\'))
            folders = [.. folders.SelectMany(folder => part.Contains('*', StringComparison.Ordinal)
                ? Directory.EnumerateDirectories(folder, part).OrderDescending(StringComparer.Ordinal)
                : Enumerable.Repeat(Path.Combine(folder, part), 1).Where(Directory.Exists))];
        return folders;
    }

    private static void LoadBuiltins(string nvrtc)
    {
        if (Path.GetDirectoryName(nvrtc) is not { Length: > 0 } folder)
            return;
        foreach (string builtins in Directory.EnumerateFiles(folder, OperatingSystem.IsWindows() ? "nvrtc-builtins64_*.dll" : "libnvrtc-builtins.so.*").Order(StringComparer.Ordinal))
            System.Runtime.InteropServices.NativeLibrary.TryLoad(builtins, out _);
    }
}
