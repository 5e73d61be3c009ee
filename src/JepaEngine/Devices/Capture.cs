using JepaEngine.Backends.Cuda;
using JepaEngine.Backends.Profiling;
using JepaEngine.Cuda.Context;
using JepaEngine.Cuda.Driver;

namespace JepaEngine.Devices;

/// <summary>
/// Work on a GPU that is recorded once and then replayed as a whole: a CUDA graph, one launch instead of thousands. A replay does the same to the same
/// memory: new inputs are copied into tensors that were there before, results out of such tensors. What the host computes and uploads meanwhile is
/// recorded as it was. Random numbers differ from replay to replay: in the r-th a key k draws as k.Child(r) does in the work itself. One thread at a time
/// may use a GPU while something is recorded on it. On the processor there is nothing to record, and a replay is the work itself, keys and all. Under an
/// <see cref="OperationProfile"/> a replay is the work too, call by call, with the numbers of the replay; what was not recorded is then recorded after it.
/// </summary>
public sealed class Capture : IDisposable
{
    private readonly Device device;
    private readonly Action work;
    private readonly Allocator allocator;
    private readonly CudaBackend? backend;
    private readonly Storage? counter;
    private readonly long uploads;
    private BlockPool? pool;
    private CudaGraph? graph;

    /// <summary>Runs work once, and records it.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="work">It reads nothing back, and takes as much memory whenever it runs.</param>
    /// <exception cref="CudaException">The work did what a graph cannot hold: it read a tensor back, or took memory that it did not take before.</exception>
    public Capture(Device device, Action work)
    {
        this.device = device;
        this.work = work;
        allocator = device.Allocator;
        backend = device.Backend.Inner as CudaBackend;
        if (backend is null)
        {
            work();
            return;
        }
        counter = allocator.Rent(sizeof(ulong));
        long before = backend.Context.UploadedBytes;
        work();
        uploads = backend.Context.UploadedBytes - before;
        try
        {
            Record();
        }
        catch
        {
            allocator.Return(counter);
            throw;
        }
    }

    /// <summary>How often it has been replayed.</summary>
    public ulong Replays { get; private set; }

    /// <summary>Kernels of a replay; 0 on the processor, and while nothing is recorded.</summary>
    public long Kernels => graph?.Kernels ?? 0;

    /// <summary>Bytes that the kernels of a replay have to read and write; 0 on the processor.</summary>
    public long BytesMoved { get; private set; }

    /// <summary>Does the work once more; returns before a GPU has done it.</summary>
    public void Replay()
    {
        Replays++;
        if (backend is null)
        {
            work();
            return;
        }
        foreach (MemoryScope kept in pool?.Kept ?? [])
            ObjectDisposedException.ThrowIf(kept.IsDisposed, kept);
        backend.Upload<ulong>([Replays], new Operand(counter!, DType.I64, new Layout([])));
        if (graph is not null && !IsProfiled)
        {
            graph.Launch();
            backend.CountBytes(BytesMoved);
            return;
        }
        backend.ReplayCounter = counter!.Pointer;
        try
        {
            work();
        }
        finally
        {
            backend.ReplayCounter = 0;
        }
        if (graph is null)
            Record();
    }

    /// <summary>Gives the recording and its memory back.</summary>
    public void Dispose()
    {
        graph?.Dispose();
        if (pool is not null)
            allocator.Release(pool);
        if (counter is not null)
            allocator.Return(counter);
    }

    /// <summary>Straight after the work, when the memory that it takes is free.</summary>
    private void Record()
    {
        if (IsProfiled)
            return;
        long moved = backend!.BytesMoved;
        pool = allocator.StartRecording();
        backend.ReplayCounter = counter!.Pointer;
        try
        {
            graph = backend.Context.Capture(work, uploads);
            BytesMoved = backend.BytesMoved - moved;
            // Recorded is not yet done.
            backend.CountBytes(-BytesMoved);
        }
        catch
        {
            allocator.Release(pool);
            pool = null;
            throw;
        }
        finally
        {
            backend.ReplayCounter = 0;
            allocator.EndRecording();
        }
    }

    private bool IsProfiled => device.Backend is ProfiledBackend;

    /// <inheritdoc/>
    public override string ToString() => $"{Kernels} kernels on {device}, replayed {Replays} times";
}
