namespace JepaEngine.Primitives;

/// <summary>What kind of processor a device is.</summary>
public enum DeviceKind
{
    /// <summary>SIMD kernels on the processor, in f32.</summary>
    Cpu,
    /// <summary>Plain loops on the processor: the oracle every other device is checked against.</summary>
    Reference,
}

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

/// <summary>
/// Where tensors live and kernels run. A value: two equal devices are the same device. Nothing chooses a device silently.
/// </summary>
/// <param name="Kind">The kind of processor.</param>
/// <param name="Compute">The dtype it computes in.</param>
/// <param name="Isa">On the CPU: the vector instructions.</param>
/// <param name="Threads">On the CPU: worker threads; 0 is one a core, or what <c>JEPA_CPU_THREADS</c> says. Results do not depend on it.</param>
public readonly record struct Device(DeviceKind Kind, DType Compute, CpuIsa Isa = CpuIsa.Auto, int Threads = 0)
{
    /// <summary>The processor's SIMD kernels on all cores.</summary>
    public static Device Cpu => new(DeviceKind.Cpu, DType.F32);

    /// <summary>The double-precision oracle.</summary>
    public static Device Reference => new(DeviceKind.Reference, DType.F64);

    /// <summary>As <see cref="Reference"/> but in f32: the straightforward implementation whose rounding error parity is measured by.</summary>
    public static Device ReferenceF32 => new(DeviceKind.Reference, DType.F32);

    /// <summary>As <c>cpu</c> or <c>reference (F64)</c>.</summary>
    public override string ToString() => Kind == DeviceKind.Cpu
        ? "cpu" + (Isa == CpuIsa.Auto ? "" : $":{Isa}") + (Threads == 0 ? "" : $":{Threads}")
        : $"reference ({Compute})";
}
