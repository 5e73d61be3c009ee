using System.Globalization;
using System.Text.RegularExpressions;

namespace JepaEngine.Cuda.Compile;

/// <summary>What a kernel takes of a multiprocessor, as the assembler reports it.</summary>
/// <param name="Entry">The kernel.</param>
/// <param name="Registers">Registers a thread.</param>
/// <param name="SharedBytes">Static shared memory a block; the engine's kernels have none.</param>
/// <param name="StackBytes">Local memory a thread.</param>
/// <param name="SpillBytes">Bytes of registers a thread writes to local memory and reads back.</param>
public sealed partial record KernelResources(string Entry, int Registers, int SharedBytes, int StackBytes, int SpillBytes)
{
    /// <summary>Reads the report of every kernel out of a compiler's log (<c>--ptxas-options=-v</c>).</summary>
    public static IReadOnlyList<KernelResources> Parse(string log) =>
        [.. Report().Matches(log).Select(match => new KernelResources(match.Groups["entry"].Value, Number(match, "registers"), Number(match, "shared"),
            Number(match, "stack"), Number(match, "stores") + Number(match, "loads")))];

    private static int Number(Match match, string group) => match.Groups[group] is { Success: true } found ? int.Parse(found.ValueSpan, CultureInfo.InvariantCulture) : 0;

    [GeneratedRegex("""
        Compiling entry function '(?<entry>\w+)'(?s:.*?)(?<stack>\d+) bytes stack frame, (?<stores>\d+) bytes spill stores, (?<loads>\d+) bytes spill loads(?s:.*?)Used (?<registers>\d+) registers(?:.*? (?<shared>\d+) bytes smem)?
        """)]
    private static partial Regex Report();
}
