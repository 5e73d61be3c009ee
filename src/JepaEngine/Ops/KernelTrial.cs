using JepaEngine.Cuda.Context;
using JepaEngine.Cuda.Driver;
using JepaEngine.Devices;

namespace JepaEngine.Ops;

/// <summary>Edited kernels on trial: whether they still agree with the oracle, before they take the place of those in use.</summary>
public static class KernelTrial
{
    /// <summary>Runs operations on a context of the kernels' own; what <see cref="KernelWatch"/> asks.</summary>
    /// <param name="context">Holds the edited kernels.</param>
    /// <param name="compute">The tier: F32 or BF16.</param>
    /// <param name="operations">Those to try.</param>
    /// <returns>The tensors that do not agree, or null where all do.</returns>
    /// <exception cref="CudaException">A launch failed.</exception>
    public static string? Fault(CudaContext context, DType compute, IEnumerable<OpCase> operations)
    {
        using Device device = Device.Adopt(context).With(compute);
        string[] failed = [.. operations.SelectMany(op => Parity.Check(op, device))
            .Where(result => !result.Passed).Select(result => result.ToString())];
        return failed.Length == 0 ? null : string.Join("; ", failed);
    }
}
