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
