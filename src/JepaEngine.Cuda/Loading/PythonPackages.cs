namespace JepaEngine.Cuda.Loading;

/// <summary>
/// Where NVIDIA's packages for Python keep their libraries: in folders of their own (<c>nvidia/cublas/lib</c>), from
/// CUDA 13 on in one (<c>nvidia/cu13/lib</c>).
/// </summary>
internal static class PythonPackages
{
    private static readonly string[] Names = OperatingSystem.IsWindows() ? ["python.exe"] : ["python3", "python"];

    /// <summary>Below the folder that a Python is installed in, as patterns with <c>*</c>.</summary>
    public static IEnumerable<string> Patterns(string prefix) => OperatingSystem.IsWindows()
        ? [$@"{prefix}\Lib\site-packages\nvidia\*\bin", $@"{prefix}\Lib\site-packages\nvidia\*\bin\x86_64"]
        :
        [
            $"{prefix}/lib/python3*/site-packages/nvidia/*/lib",
            $"{prefix}/lib/python3*/dist-packages/nvidia/*/lib",
            $"{prefix}/lib64/python3*/site-packages/nvidia/*/lib",
        ];

    /// <summary>
    /// Those of each Python on the search path, where the folder <c>nvidia</c> is there: a virtual environment is found
    /// by its program, active or not.
    /// </summary>
    /// <param name="path">The search path; null for the environment's.</param>
    public static IEnumerable<string> OnPath(string? path = null) =>
    [
        .. (path ?? Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Where(Path.IsPathRooted)
            .SelectMany(folder => Names.Select(name => Path.Combine(folder, name)))
            .SelectMany(Prefixes).Distinct()
            .SelectMany(Patterns),
    ];

    // A program in a folder on the path may be a link into an environment, whose own is a link to the system's: each
    // link on the way may have packages.
    private static IEnumerable<string> Prefixes(string program)
    {
        const int MostLinks = 8;
        for (int links = 0; links < MostLinks && File.Exists(program); links++)
        {
            string folder = Path.GetDirectoryName(program)!;
            if (OperatingSystem.IsWindows())
                yield return folder;
            if (Path.GetDirectoryName(folder) is { } prefix)
                yield return prefix.TrimEnd(Path.DirectorySeparatorChar);
            if (new FileInfo(program).LinkTarget is not { } target)
                yield break;
            program = Path.GetFullPath(target, folder);
        }
    }
}
