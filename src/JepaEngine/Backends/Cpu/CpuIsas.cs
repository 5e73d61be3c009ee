using System.Globalization;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace JepaEngine.Backends.Cpu;

/// <summary>Which vectors this processor has, and what the environment asks for.</summary>
public static class CpuIsas
{
    /// <summary>The widest vectors of this processor. Tests IsHardwareAccelerated: it is false where wide vectors exist but slow the clock.</summary>
    public static CpuIsa Best =>
        Vector512.IsHardwareAccelerated && Avx512F.IsSupported ? CpuIsa.Avx512
        : Vector256.IsHardwareAccelerated && Avx2.IsSupported && Fma.IsSupported ? CpuIsa.Avx2
        : CpuIsa.Scalar;

    /// <summary>What <c>JEPA_CPU_ISA</c> names, else <see cref="Best"/>.</summary>
    /// <exception cref="ArgumentException">The variable names no ISA.</exception>
    /// <exception cref="PlatformNotSupportedException">The processor lacks it.</exception>
    public static CpuIsa FromEnvironment()
    {
        string? name = Environment.GetEnvironmentVariable("JEPA_CPU_ISA");
        if (string.IsNullOrEmpty(name) || name.Equals("auto", StringComparison.OrdinalIgnoreCase))
            return Best;
        if (!Enum.TryParse(name, ignoreCase: true, out CpuIsa isa) || char.IsDigit(name[0]))
            throw new ArgumentException($"JEPA_CPU_ISA is '{name}'; it names one of auto, scalar, avx2, avx512");
        return Require(isa);
    }

    /// <summary>The ISA itself, if this processor has it.</summary>
    /// <exception cref="PlatformNotSupportedException">It has not.</exception>
    public static CpuIsa Require(CpuIsa isa) => isa <= Best
        ? isa
        : throw new PlatformNotSupportedException($"this processor has no {isa}; its best is {Best}. Unset JEPA_CPU_ISA or name a lower one");

    /// <summary>The most threads of a device; each takes a stack, and beyond the cores none helps.</summary>
    public const int MostThreads = 1024;

    /// <summary>What <c>JEPA_CPU_THREADS</c> says, else one a core.</summary>
    /// <exception cref="ArgumentException">The variable is no number from 1 to <see cref="MostThreads"/>.</exception>
    public static int ThreadsFromEnvironment()
    {
        string? text = Environment.GetEnvironmentVariable("JEPA_CPU_THREADS");
        if (string.IsNullOrEmpty(text))
            return Math.Min(Environment.ProcessorCount, MostThreads);
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int threads) && threads is >= 1 and <= MostThreads
            ? threads
            : throw new ArgumentException($"JEPA_CPU_THREADS is '{text}'; it is a number of "
            + $"threads, 1 to {MostThreads}");
    }
}
