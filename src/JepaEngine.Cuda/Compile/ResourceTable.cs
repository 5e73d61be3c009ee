using System.Globalization;

namespace JepaEngine.Cuda.Compile;

/// <summary>
/// <c>kernels/resources.txt</c>: a line for each kernel, configuration and architecture, so that what an edit costs
/// shows as a diff.
/// </summary>
/// <param name="Compiler">What made it, as <c>NVRTC 12.4</c>.</param>
/// <param name="Rows">
/// A kernel's line up to its architecture, as <c>gemm_nn_64x64 gemm bf16 0 sm_80</c>, and what it takes.
/// </param>
public sealed record ResourceTable(string Compiler, IReadOnlyDictionary<string, KernelResources> Rows)
{
    private const int Words = 9, KeyWords = 5;

    private const string Columns =
        "kernel, file, tier, width, architecture; registers, static shared bytes, stack bytes, spilled bytes";

    /// <summary>Reads a table.</summary>
    /// <exception cref="IOException">There is no such file.</exception>
    /// <exception cref="FormatException">It is no table of kernels; the message holds the line.</exception>
    public static ResourceTable Read(string path)
    {
        string[] lines = File.ReadAllLines(path);
        string compiler = lines is [['#', .. string head], ..]
            ? head.Split(':')[0].Trim()
            : "a compiler that it does not name";
        return new(compiler, lines.Where(line => line.Length > 0 && line[0] != '#').Select(Row)
            .ToDictionary(row => row.Key, row => row.Resources));
    }

    /// <summary>The table of these builds, as lines of the file.</summary>
    internal static IEnumerable<string> Lines(string nvrtc, IEnumerable<KernelBuild> builds) =>
    [
        $"# NVRTC {nvrtc}: {Columns}",
        .. from build in builds
           from kernel in build.Kernels
           let source = build.Source
           orderby source.File, kernel.Entry, source.Real, source.Width, build.Architecture
           select $"{Key(build, kernel)} {kernel.Registers} {kernel.SharedBytes} "
               + $"{kernel.StackBytes} {kernel.SpillBytes}",
    ];

    /// <summary>What the table has of a kernel; null where it has nothing.</summary>
    internal KernelResources? Of(KernelBuild build, KernelResources kernel) =>
        Rows.GetValueOrDefault(Key(build, kernel));

    private static string Key(KernelBuild build, KernelResources kernel) =>
        $"{kernel.Entry} {build.Source.File} {build.Source.Real} {build.Source.Width} {build.Architecture}";

    private static (string Key, KernelResources Resources) Row(string line)
    {
        string[] words = line.Split(' ');
        int[] numbers = words.Length == Words
            ? [.. words[KeyWords..].Select(word =>
                int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out int n) ? n : -1)]
            : [-1];
        return numbers.Min() >= 0
            ? (string.Join(' ', words[..KeyWords]), new(words[0], numbers[0], numbers[1], numbers[2], numbers[3]))
            : throw NoTable(line);
    }

    private static FormatException NoTable(string line) =>
        new($"'{line}' is no kernel's line; the kernel tests write this file");
}
