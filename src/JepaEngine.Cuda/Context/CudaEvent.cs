using JepaEngine.Cuda.Driver;

namespace JepaEngine.Cuda.Context;

/// <summary>A mark in a stream that can be waited for and whose time can be read.</summary>
public sealed unsafe class CudaEvent : IDisposable
{
    private const uint Plain = 0, DisableTiming = 2;

    private readonly CudaContext context;

    /// <param name="context">Whose streams it marks.</param>
    /// <param name="timed">Whether <see cref="MillisecondsSince"/> shall work; without, marking costs less.</param>
    public CudaEvent(CudaContext context, bool timed = true)
    {
        this.context = context;
        context.EnterOrThrow();
        nint handle;
        context.Call(context.Driver.EventCreate(&handle, timed ? Plain : DisableTiming), "cuEventCreate");
        Handle = handle;
    }

    /// <summary>The driver's CUevent.</summary>
    public nint Handle { get; private set; }

    /// <summary>Whether all before the mark has run.</summary>
    public bool IsReached
    {
        get
        {
            context.EnterOrThrow();
            CudaResult result = context.Driver.EventQuery(Handle);
            if (result != CudaResult.NotReady)
                context.Call(result, "cuEventQuery");
            return result == CudaResult.Success;
        }
    }

    /// <summary>Puts the mark at the end of a stream; the context's own if none is given.</summary>
    public void Record(CudaStream? stream = null)
    {
        context.EnterOrThrow();
        context.Call(context.Driver.EventRecord(Handle, (stream ?? context.Stream).Handle), "cuEventRecord");
    }

    /// <summary>Waits until all before the mark has run.</summary>
    public void Synchronize()
    {
        context.EnterOrThrow();
        context.Call(context.Driver.EventSynchronize(Handle), "cuEventSynchronize");
    }

    /// <summary>Time the device took between two marks, both reached; a step of the clock is about half a microsecond.</summary>
    public double MillisecondsSince(CudaEvent start)
    {
        context.EnterOrThrow();
        float milliseconds;
        context.Call(context.Driver.EventElapsedTime(&milliseconds, start.Handle, Handle), "cuEventElapsedTime");
        return milliseconds;
    }

    /// <summary>Gives the mark back.</summary>
    public void Dispose()
    {
        if (Handle != 0 && context.Enter())
            _ = context.Driver.EventDestroy(Handle);
        Handle = 0;
    }
}
