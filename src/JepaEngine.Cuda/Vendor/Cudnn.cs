using JepaEngine.Cuda.Context;
using JepaEngine.Cuda.Driver;
using JepaEngine.Cuda.Loading;

namespace JepaEngine.Cuda.Vendor;

/// <summary>cuDNN 9, where it is installed: its version, and a handle on a context's stream for a host that uses it. The engine itself needs nothing of it.</summary>
public sealed unsafe class Cudnn : IDisposable
{
    private readonly CudaContext context;
    private readonly delegate* unmanaged<nint, int> destroy;

    private Cudnn(CudaContext context, NativeFile file)
    {
        this.context = context;
        destroy = (delegate* unmanaged<nint, int>)file.Export("cudnnDestroy");
        Version = (long)((delegate* unmanaged<nuint>)file.Export("cudnnGetVersion"))();
        context.EnterOrThrow();
        nint handle;
        Check(((delegate* unmanaged<nint*, int>)file.Export("cudnnCreate"))(&handle), "cudnnCreate");
        Handle = handle;
        Check(((delegate* unmanaged<nint, nint, int>)file.Export("cudnnSetStream"))(handle, context.Stream.Handle), "cudnnSetStream");
    }

    /// <summary>As 90100 for 9.1.0.</summary>
    public long Version { get; }

    /// <summary>A cudnnHandle_t on the context's stream.</summary>
    public nint Handle { get; private set; }

    /// <summary>Opens the library on a device; null where it is not installed, lacks a function, or the device is simulated.</summary>
    /// <exception cref="CudaException">It is there and refuses.</exception>
    public static Cudnn? TryOpen(CudaContext context)
    {
        if (context.Info.IsSimulated)
            return null;
        NativeFile file = CudaLibraries.Cudnn();
        string[] needed = ["cudnnGetVersion", "cudnnCreate", "cudnnDestroy", "cudnnSetStream"];
        return needed.All(symbol => file.TryExport(symbol) != 0) ? new(context, file) : null;
    }

    /// <summary>Gives the handle back.</summary>
    public void Dispose()
    {
        if (Handle != 0 && context.Enter())
            _ = destroy(Handle);
        Handle = 0;
    }

    private static void Check(int status, string api)
    {
        if (status != 0)
            throw new CudaException($"{api} failed with status {status}", api: api);
    }
}
