using JepaEngine.Cuda.Compile;
using JepaEngine.Cuda.Driver;

namespace JepaEngine.Cuda.Context;

/// <summary>A loaded kernel.</summary>
public sealed class CudaFunction
{
    private readonly Lock growing = new();
    private Loaded loaded;

    internal CudaFunction(KernelSource source, string entry, nint handle, int argumentBytes)
    {
        Source = source;
        Entry = entry;
        loaded = new(handle, argumentBytes);
    }

    /// <summary>What it was compiled from.</summary>
    public KernelSource Source { get; }

    /// <summary>Its name there.</summary>
    public string Entry { get; }

    /// <summary>The driver's CUfunction. Another one after its source was edited and reloaded.</summary>
    public nint Handle => loaded.Handle;

    /// <summary>Size of the struct it takes; 0 where the driver is too old to say.</summary>
    internal int ArgumentBytes => loaded.ArgumentBytes;

    /// <summary>As <c>layer_norm_forward (layernorm bf16)</c>.</summary>
    public override string ToString() => $"{Entry} ({Source})";

    /// <summary>Puts a newly compiled kernel in this one's place.</summary>
    internal void Replace(nint handle, int argumentBytes) => loaded = new(handle, argumentBytes);

    /// <summary>Lets a launch have this much shared memory; above 48 KiB the driver wants it said before.</summary>
    internal unsafe void AllowShared(CudaContext context, int bytes)
    {
        const int Free = 48 << 10;
        Loaded kernel = loaded;
        if (bytes <= Free || bytes <= kernel.AllowedShared)
            return;
        lock (growing)
        {
            context.Call(context.Driver.FuncSetAttribute(kernel.Handle, FunctionAttribute.MaxDynamicSharedBytes, bytes), "cuFuncSetAttribute", ToString());
            kernel.AllowedShared = bytes;
        }
    }

    /// <summary>What the driver knows of the kernel.</summary>
    internal unsafe int Ask(CudaContext context, FunctionAttribute attribute)
    {
        int value;
        context.Call(context.Driver.FuncGetAttribute(&value, attribute, Handle), "cuFuncGetAttribute", ToString());
        return value;
    }

    private sealed class Loaded(nint handle, int argumentBytes)
    {
        public nint Handle { get; } = handle;
        public int ArgumentBytes { get; } = argumentBytes;
        public int AllowedShared { get; set; }
    }
}
