using JepaEngine.Backends;
using JepaEngine.Cuda.Compile;
using JepaEngine.Cuda.Context;
using JepaEngine.Memory;
using JepaEngine.Primitives;

namespace JepaEngine.KernelTests.Ops;

/// <summary>
/// Simulated devices of other sizes, beside the process's own; each is opened when it is first asked for.
/// </summary>
public sealed class SimulatedSizes : IDisposable
{
    private readonly Dictionary<(int, DType), (CudaContext Context, Device Device)> opened = [];

    internal Device Of(int multiprocessors, DType compute)
    {
        Gpus.Require("sim");
        if (opened.TryGetValue((multiprocessors, compute), out (CudaContext, Device Device) known))
            return known.Device;
        CudaContext context = CudaContext.OpenSimulator(KernelFiles.Default, multiprocessors);
        Device device = Device.Adopt(context).With(compute);
        opened.Add((multiprocessors, compute), (context, device));
        return device;
    }

    public void Dispose()
    {
        foreach ((CudaContext context, Device device) in opened.Values)
        {
            device.Dispose();
            context.Dispose();
        }
    }
}
