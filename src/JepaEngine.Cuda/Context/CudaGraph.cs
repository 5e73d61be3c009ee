namespace JepaEngine.Cuda;

/// <summary>
/// Work that was recorded once and is launched as a whole: the same kernels with the same arguments and addresses. The memory it works on must live as long.
/// </summary>
public sealed unsafe class CudaGraph : IDisposable
{
    private readonly CudaContext context;
    private nint executable;

    internal CudaGraph(CudaContext context, nint graph, long kernels)
    {
        this.context = context;
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
            _ = context.Driver.GraphExecDestroy(executable);
        executable = 0;
    }
}
