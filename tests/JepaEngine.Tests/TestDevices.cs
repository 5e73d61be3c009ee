using JepaEngine.Backends.Cpu;
using JepaEngine.Primitives;

namespace JepaEngine.Tests;

/// <summary>The devices that tests run on: the oracle, the straightforward f32, and the CPU with each vector width this processor has.</summary>
public static class TestDevices
{
    public static TheoryData<Device> All => [Device.Reference, Device.ReferenceF32, .. CpuDevices()];

    public static TheoryData<Device> Cpu => [.. CpuDevices()];

    /// <summary>How far a result may be from PyTorch's f64, relative to the largest value.</summary>
    public static double Tolerance(Device device) => device.Compute == DType.F64 ? 1e-10 : 2e-5;

    private static IEnumerable<Device> CpuDevices() =>
        new[] { CpuIsa.Scalar, CpuIsa.Avx2, CpuIsa.Avx512 }
            .Where(isa => isa <= CpuIsas.Best).Select(isa => Device.Cpu.With(isa: isa));
}
