using System.Text.RegularExpressions;

namespace JepaEngine.Cuda.Compile;

/// <summary>Every compilation of a kernel file that the engine can ask for.</summary>
internal static partial class KernelCatalog
{
    private static readonly string[] Tiers = ["float", "bf16"], Include = ["include"];

    /// <summary>
    /// What kernels are held to compile for; <c>CudaDeviceInfo.Architecture</c> is one of them, or newer.
    /// </summary>
    public static IReadOnlyList<string> Architectures { get; } = ["sm_80", "sm_86", "sm_89", "sm_90", "sm_90a"];

    /// <summary>
    /// Widths of an attention head that kernels are compiled for; others run in the next larger one, behind zeros.
    /// </summary>
    public static ReadOnlySpan<int> HeadWidths => [24, 32, 64, 80, 88, 128];

    /// <summary>
    /// Each file in both tiers and, if it or what it includes speaks of WIDTH, for every width of a head.
    /// </summary>
    public static IReadOnlyList<KernelSource> Sources(KernelFiles files) =>
    [
        .. from name in files.Names()
           where name.EndsWith(".cu", StringComparison.Ordinal) && !name.Contains('/', StringComparison.Ordinal)
           orderby name
           let file = name[..^".cu".Length]
           from tier in Tiers
           from width in WidthsOf(name, files)
           select new KernelSource(file, tier, width),
    ];

    private static int[] WidthsOf(string path, KernelFiles files) =>
        files.Closure(path, Include).Any(part => Width().IsMatch(part.Text)) ? HeadWidths.ToArray() : [0];

    [GeneratedRegex(@"\bWIDTH\b")]
    private static partial Regex Width();
}
