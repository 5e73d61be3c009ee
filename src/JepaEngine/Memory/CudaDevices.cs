using System.Collections.Concurrent;
using JepaEngine.Cuda;
using JepaEngine.Primitives;

namespace JepaEngine.Memory;

/// <summary>The contexts of the GPUs in use, which live as long as the process.</summary>
public static class CudaDevices
{
    private static readonly ConcurrentDictionary<(DeviceKind, int), Lazy<CudaContext>> Contexts = new();

    private static int lent;

    /// <summary>The context of a GPU; opened at first use. A failure is not remembered, so that a driver that comes later is found.</summary>
    /// <exception cref="CudaException">There is no such GPU, or no compiler for the simulator; the message lists what was looked for.</exception>
    public static CudaContext Context(Device device)
    {
        (DeviceKind Kind, int Index) key = (device.Kind, device.Index);
        Lazy<CudaContext> context = Contexts.GetOrAdd(key, static key => new Lazy<CudaContext>(() =>
            key.Item1 == DeviceKind.Simulator ? CudaContext.OpenSimulator() : CudaContext.Open(key.Item2)));
        try
        {
            return context.Value;
        }
        catch
        {
            Contexts.TryRemove(new KeyValuePair<(DeviceKind, int), Lazy<CudaContext>>(key, context));
            throw;
        }
    }

    /// <summary>A context as a device for a while: numbered from −1 down, as no other is.</summary>
    internal static Device Lend(CudaContext context, DType compute)
    {
        Device device = Device.Cuda(Interlocked.Decrement(ref lent)) with { Compute = compute };
        Contexts[(device.Kind, device.Index)] = new Lazy<CudaContext>(context);
        return device;
    }

    /// <summary>Ends what <see cref="Lend"/> began.</summary>
    internal static void Return(Device device) => Contexts.TryRemove((device.Kind, device.Index), out _);

    /// <summary>A host's own context and stream as a device of ours, before its first use.</summary>
    /// <exception cref="InvalidOperationException">The device is in use already.</exception>
    public static Device Adopt(int index, CudaContext context) =>
        Contexts.TryAdd((DeviceKind.Cuda, index), new Lazy<CudaContext>(context))
            ? Device.Cuda(index)
            : throw new InvalidOperationException($"cuda:{index} is in use already; adopt the host's context before the first tensor");
}
