using System.Text.RegularExpressions;
using JepaEngine.Cuda;

namespace JepaEngine.KernelTests.Gates;

/// <summary>Every compilation of a kernel file that the engine can ask for, and what NVRTC makes of it for each architecture.</summary>
internal static partial class KernelCatalog
{
    private static readonly string[] Tiers = ["float", "bf16"], Include = ["include"];
    private static readonly int[] Widths = [24, 32, 64, 80, 88, 128];

    private static readonly Lazy<IReadOnlyList<KernelBuild>> Compiled = new(CompileAll);

    public static string[] Architectures { get; } = ["sm_80", "sm_86", "sm_89", "sm_90", "sm_90a"];

    /// <summary>The kernel files, as they are embedded.</summary>
    public static IEnumerable<string> Files => KernelFiles.Embedded.Names().Where(name => name.EndsWith(".cu", StringComparison.Ordinal)).Order(StringComparer.Ordinal);

    /// <summary>Each file in both tiers and, if it or what it includes speaks of WIDTH, for every width of a head.</summary>
    public static IReadOnlyList<KernelSource> Sources { get; } =
        [.. Files.Select(file => file[..^3]).SelectMany(file => Tiers.SelectMany(tier => WidthsOf(file).Select(width => new KernelSource(file, tier, width))))];

    /// <summary>All of it, compiled once a process on two threads, or found in the user's cache. Skips the test where there is no NVRTC.</summary>
    public static IReadOnlyList<KernelBuild> Builds
    {
        get
        {
            _ = Compiler.Library;
            return Compiled.Value;
        }
    }

    private static int[] WidthsOf(string file) =>
        KernelFiles.Embedded.Closure($"{file}.cu", Include).Any(part => Width().IsMatch(part.Text)) ? Widths : [0];

    private static KernelBuild[] CompileAll()
    {
        var builds = new KernelBuild[Sources.Count * Architectures.Length];
        Parallel.For(0, builds.Length, new ParallelOptions { MaxDegreeOfParallelism = 2 }, i =>
        {
            (KernelSource source, string architecture) = (Sources[i % Sources.Count], Architectures[i / Sources.Count]);
            try
            {
                var cache = new KernelCache(new NvrtcCompiler(Compiler.Library, architecture), KernelCache.DefaultFolder(), _ => { });
                CompiledKernel made = cache.Compile(source, KernelFiles.Embedded);
                builds[i] = new(source, architecture, made, null);
            }
            catch (CudaException fault)
            {
                builds[i] = new(source, architecture, null, fault.Message);
            }
        });
        return builds;
    }

    [GeneratedRegex(@"\bWIDTH\b")]
    private static partial Regex Width();
}

/// <summary>What became of one compilation.</summary>
internal sealed record KernelBuild(KernelSource Source, string Architecture, CompiledKernel? Made, string? Fault)
{
    public IReadOnlyList<KernelResources> Kernels { get; } = Made is null ? [] : KernelResources.Parse(Made.Log);

    public override string ToString() => $"{Source} {Architecture}";
}
