using JepaEngine.Cuda.Driver;

namespace JepaEngine.Cuda.Context;

/// <summary>A queue of work on a device: what is put into it runs in that order.</summary>
public sealed class CudaStream : IDisposable
{
    private readonly CudaContext context;
    private readonly bool isOwn;

    internal CudaStream(CudaContext context, nint handle, bool isOwn) =>
        (this.context, Handle, this.isOwn) = (context, handle, isOwn);

    /// <summary>The driver's CUstream.</summary>
    public nint Handle { get; private set; }

    /// <summary>Waits until all that is in the stream has run.</summary>
    /// <exception cref="CudaException">Something of it failed.</exception>
    public unsafe void Synchronize()
    {
        context.EnterOrThrow();
        context.Call(context.Driver.StreamSynchronize(Handle), "cuStreamSynchronize");
    }

    /// <summary>What is put into the stream from now on waits for an event.</summary>
    public unsafe void Wait(CudaEvent other)
    {
        context.EnterOrThrow();
        context.Call(context.Driver.StreamWaitEvent(Handle, other.Handle, 0), "cuStreamWaitEvent");
    }

    /// <summary>Gives the stream back, if the context made it. What is in it still runs.</summary>
    public unsafe void Dispose()
    {
        if (isOwn && Handle != 0 && context.Enter())
            _ = context.Driver.StreamDestroy(Handle);
        Handle = 0;
    }
}
