namespace JepaEngine.Cuda.Context;

/// <summary>
/// Work that was recorded once and is launched as a whole: the same kernels with the same arguments and addresses. The memory it works on must live as long.
/// </summary>
public sealed unsafe class CudaGraph : IDisposable
{
    private readonly CudaContext context;
    private readonly nint uploads;
    private nint executable;

    /// <param name="context">Its context.</param>
    /// <param name="graph">What was recorded; still the caller's.</param>
    /// <param name="kernels">Kernels in it.</param>
    /// <param name="uploads">Pinned memory of the host that its copies read, or 0; from now on the graph's.</param>
    internal CudaGraph(CudaContext context, nint graph, long kernels, nint uploads)
    {
        this.context = context;
        this.uploads = uploads;
        Kernels = kernels;
        nuint nodes;
        context.Call(context.Driver.GraphGetNodes(graph, null, &nodes), "cuGraphGetNodes");
        Nodes = (int)nodes;
        nint made;
        context.Call(context.Driver.GraphInstantiate(&made, graph, 0), "cuGraphInstantiate");
        executable = made;
    }

    /// <summary>Kernels, copies and fills it holds.</summary>
    public int Nodes { get; }

    /// <summary>Kernels it holds.</summary>
    public long Kernels { get; }

    /// <summary>Puts it into the context's stream; <see cref="CudaContext.Launches"/> counts it as one.</summary>
    public void Launch()
    {
        ObjectDisposedException.ThrowIf(executable == 0, this);
        context.EnterOrThrow();
        context.Call(context.Driver.GraphLaunch(executable, context.Stream.Handle), "cuGraphLaunch");
        context.CountLaunch();
    }

    /// <summary>Gives it back, once it has run.</summary>
    public void Dispose()
    {
        if (executable != 0 && context.Enter())
        {
            _ = context.Driver.GraphExecDestroy(executable);
            if (uploads != 0)
            {
                // Its copies may be under way.
                _ = context.Driver.StreamSynchronize(context.Stream.Handle);
                _ = context.Driver.MemFreeHost((void*)uploads);
            }
        }
        executable = 0;
    }
}
