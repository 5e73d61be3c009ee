using System.Globalization;

namespace JepaEngine.Primitives;

/// <summary>What kind of processor a device is.</summary>
public enum DeviceKind
{
    /// <summary>SIMD kernels on the processor, in f32.</summary>
    Cpu,
    /// <summary>Plain loops on the processor: the oracle every other device is checked against.</summary>
    Reference,
    /// <summary>Hand-written kernels on an NVIDIA GPU, in f32 or with bf16 operands.</summary>
    Cuda,
    /// <summary>The same kernels and launches, carried out and checked by a simulator on the processor.</summary>
    Simulator,
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
/// <param name="Index">On a GPU: its number, from 0.</param>
public readonly record struct Device(DeviceKind Kind, DType Compute, CpuIsa Isa = CpuIsa.Auto, int Threads = 0, int Index = 0)
{
    /// <summary>The processor's SIMD kernels on all cores.</summary>
    public static Device Cpu => new(DeviceKind.Cpu, DType.F32);

    /// <summary>The double-precision oracle.</summary>
    public static Device Reference => new(DeviceKind.Reference, DType.F64);

    /// <summary>As <see cref="Reference"/> but in f32.</summary>
    public static Device ReferenceF32 => new(DeviceKind.Reference, DType.F32);

    /// <summary>A GPU in the f32 tier: true f32, no TF32.</summary>
    public static Device Cuda(int index = 0) => new(DeviceKind.Cuda, DType.F32, Index: index);

    /// <summary>The simulated GPU in the f32 tier: the same launches and kernels as <see cref="Cuda"/>, on the processor, checked and slow.</summary>
    public static Device Simulator => new(DeviceKind.Simulator, DType.F32);

    /// <summary>On a GPU, and as its straightforward implementation: the bf16 tier. Tensors are bf16, sums f32; statistics, losses and the optimiser's numbers stay f32.</summary>
    public Device InBFloat16 => this with { Compute = DType.BF16 };

    /// <summary>What statistics, losses and the optimiser's numbers are kept in: the compute dtype, but never less than f32.</summary>
    public DType Statistics => Compute == DType.BF16 ? DType.F32 : Compute;

    /// <summary>Whether its memory is the processor's own, which pointers of the host reach.</summary>
    public bool IsHost => Kind is DeviceKind.Cpu or DeviceKind.Reference;

    /// <summary>The straightforward implementation for what this device computes in: plain loops, whose rounding error parity is measured by.</summary>
    public Device Straightforward => new(DeviceKind.Reference, Compute);

    /// <summary>As <c>cpu</c>, <c>reference (F64)</c>, <c>cuda:0</c> or <c>cuda:0:bf16</c>.</summary>
    public override string ToString() => Kind switch
    {
        DeviceKind.Cpu => "cpu" + (Isa == CpuIsa.Auto ? "" : $":{Isa}") + (Threads == 0 ? "" : $":{Threads}"),
        DeviceKind.Cuda => $"cuda:{Index}{Tier}",
        DeviceKind.Simulator => $"sim{Tier}",
        _ => $"reference ({Compute})",
    };

    private string Tier => Compute == DType.BF16 ? ":bf16" : "";

    /// <summary>The device of a name: <c>cpu</c>, <c>sim</c>, <c>cuda</c> or <c>cuda:N</c>; with <c>:bf16</c> a GPU's bf16 tier.</summary>
    /// <returns>False where no device is called so.</returns>
    public static bool TryParse(string text, out Device device)
    {
        string name = text.ToLowerInvariant(), plain = name.EndsWith(":bf16", StringComparison.Ordinal) ? name[..^5] : name;
        Device? found = plain switch
        {
            "cpu" when plain == name => Cpu,
            "sim" => Simulator,
            "cuda" => Cuda(),
            _ when plain.StartsWith("cuda:", StringComparison.Ordinal) && int.TryParse(plain.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out int index) =>
                Cuda(index),
            _ => null,
        };
        device = found.GetValueOrDefault();
        if (plain != name)
            device = device.InBFloat16;
        return found is not null;
    }
}
