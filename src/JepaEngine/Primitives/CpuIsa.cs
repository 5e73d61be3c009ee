namespace JepaEngine.Primitives;

/// <summary>The vector instructions a CPU device uses.</summary>
public enum CpuIsa
{
    /// <summary>The widest this processor has, or what <c>JEPA_CPU_ISA</c> (scalar, avx2, avx512) names.</summary>
    Auto,
    /// <summary>One float at a time.</summary>
    Scalar,
    /// <summary>256-bit vectors with FMA.</summary>
    Avx2,
    /// <summary>512-bit vectors.</summary>
    Avx512,
}
