using JepaEngine.Cuda.Compile;


namespace JepaEngine.KernelTests.Gates;

/// <summary>What NVRTC makes of every compilation that the engine can ask for, for each architecture.</summary>
internal static class KernelBuilds
{
    private const int Jobs = 2;

    private static readonly Lazy<IReadOnlyList<KernelBuild>> Compiled = new(() =>
        KernelBuild.All(
            Compiler.Library, KernelFiles.Embedded, KernelCatalog.Sources(KernelFiles.Embedded),
            KernelCatalog.Architectures, KernelCache.DefaultFolder(), Jobs, _ => { }, _ => { }));

    /// <summary>
    /// Compiled once a process, or found in the user's cache. Skips the test where there is no NVRTC.
    /// </summary>
    public static IReadOnlyList<KernelBuild> All
    {
        get
        {
            _ = Compiler.Library;
            return Compiled.Value;
        }
    }

    /// <summary>kernels/resources.txt of the repository, which the tests run below.</summary>
    public static string TablePath { get; } = FindTable();

    private static string FindTable()
    {
        for (string? folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
            if (File.Exists(Path.Combine(folder, "JepaEngine.sln")))
                return Path.Combine(folder, "kernels", "resources.txt");
        throw new FileNotFoundException("these tests run below the repository");
    }
}
