using System.Text.RegularExpressions;
using JepaEngine.Cuda.Compile;

namespace JepaEngine.KernelTests.Gates;

/// <summary>Every kernel, in every configuration, for every architecture: it compiles, keeps its numbers in registers, and takes as much of the machine as is on record.</summary>
public sealed partial class CompileTests
{
    [Fact]
    public void EveryKernelCompilesForEveryArchitecture() =>
        Assert.Empty(KernelBuilds.All.Where(build => build.Fault is not null).Select(build => build.Fault));

    [Fact]
    public void NoKernelSpillsOrTakesStaticSharedMemory() => Assert.Empty(
        from build in KernelBuilds.All
        from kernel in build.Kernels
        where kernel.StackBytes + kernel.SpillBytes + kernel.SharedBytes > 0
        select $"{build}: {kernel}");

    /// <summary>C75xx: the assembler gave up overlapping matrix instructions; C7510 and its like cost half the speed and say so only here.</summary>
    [Fact]
    public void TheAssemblerSerialisesNothing() =>
        Assert.Empty(KernelBuilds.All
            .Where(build => build.Made is { } made && Serialised().IsMatch(made.Log))
            .Select(build => $"{build}: {build.Made!.Log}"));

    [Fact]
    public void EveryFileHoldsAKernel() =>
        Assert.Empty(KernelBuilds.All
            .Where(build => build.Fault is null && build.Kernels.Count == 0)
            .Select(build => build.ToString()));

    [Fact]
    public void ResourcesEqualTheTable()
    {
        string[] made = [.. ResourceTable.Lines(Compiler.Library.Version, KernelBuilds.All)];
        if (Environment.GetEnvironmentVariable("JEPA_ACCEPT") == "1")
            File.WriteAllLines(KernelBuilds.TablePath, made);
        string[] kept = File.ReadAllLines(KernelBuilds.TablePath);
        Assert.SkipUnless(kept[0] == made[0], $"the table is of another compiler: {kept[0]}; here: {made[0]}");
        string[] changes = [.. kept.Except(made).Select(line => $"- {line}"), .. made.Except(kept).Select(line => $"+ {line}")];
        Assert.True(changes.Length == 0, $"registers differ from kernels/resources.txt; if that is meant, run this test with JEPA_ACCEPT=1 and commit the table:\n"
            + string.Join('\n', changes.OrderBy(change => change[2..], StringComparer.Ordinal).Take(200)));
    }

    [GeneratedRegex(@"\bC75\d\d\b")]
    private static partial Regex Serialised();
}
