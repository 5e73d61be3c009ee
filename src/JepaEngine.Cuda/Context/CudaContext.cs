using JepaEngine.Cuda.Compile;
using JepaEngine.Cuda.Driver;
using JepaEngine.Cuda.Loading;
using JepaEngine.Cuda.Simulation;

namespace JepaEngine.Cuda.Context;

/// <summary>
/// A device in use: its primary context (shared with all other CUDA code of the process), one stream, memory, kernels. Every method may be called from any thread; what
/// they put into the stream runs in the order of the calls. An error that the device cannot recover from makes the object unusable: each later call
/// says why.
/// </summary>
public sealed unsafe partial class CudaContext : IDisposable
{
    private const uint NonBlocking = 1;

    private readonly int? primary;
    private readonly nint handle;
    private readonly bool hasPools;
    private string? lost;
    private bool disposed;

    private CudaContext(CudaDriver driver, int ordinal, nint? adopted, nint stream, KernelFiles files, Func<CudaDeviceInfo, IKernelCompiler> compiler)
    {
        Driver = driver;
        Ordinal = ordinal;
        Files = files;
        Info = CudaDeviceInfo.Read(driver, ordinal);
        if (adopted is { } hosts)
            handle = hosts;
        else
        {
            nint own;
            Call(driver.DevicePrimaryCtxRetain(&own, ordinal), "cuDevicePrimaryCtxRetain");
            (handle, primary) = (own, ordinal);
        }
        try
        {
            EnterOrThrow();
            int pools;
            hasPools = driver.MemAllocAsync != null && driver.MemFreeAsync != null
                && driver.DeviceGetAttribute(&pools, DeviceAttribute.MemoryPools, ordinal) == CudaResult.Success && pools != 0;
            if (adopted is null)
                Call(driver.StreamCreate(&stream, NonBlocking), "cuStreamCreate");
            Stream = new(this, stream, isOwn: adopted is null);
            staging = new(this);
            IKernelCompiler made = compiler(Info);
            this.compiler = made as KernelCache ?? new KernelCache(made, KernelCache.DefaultFolder(), text => Notice(text));
        }
        catch when (primary is not null)
        {
            _ = driver.DevicePrimaryCtxRelease(ordinal);
            throw;
        }
    }

    /// <summary>Is told, in one line, what costs time but breaks nothing: a kernel cache that is damaged or cannot be written.</summary>
    public Action<string> Notice { get; set; } = _ => { };

    /// <summary>What the device is.</summary>
    public CudaDeviceInfo Info { get; }

    /// <summary>Where all of the context's work goes.</summary>
    public CudaStream Stream { get; }

    /// <summary>The driver's CUcontext.</summary>
    public nint Handle => handle;

    /// <summary>Whether the device failed beyond recovery and no further call can succeed.</summary>
    public bool IsLost => lost is not null;

    /// <summary>Kernels launched one by one, and graphs, so far.</summary>
    public long Launches => Interlocked.Read(ref launches);

    internal CudaDriver Driver { get; }

    /// <summary>Which of the driver's devices it is.</summary>
    internal int Ordinal { get; }

    /// <summary>Opens a device.</summary>
    /// <param name="device">Its number, from 0.</param>
    /// <exception cref="CudaException">There is no driver, no compiler or no such device; the message is a report of all that was tried.</exception>
    public static CudaContext Open(int device = 0)
    {
        CudaProbe probe = CudaProbe.Run();
        if (probe.Fault(device) is { } fault)
            throw new CudaException($"cuda:{device} cannot be opened: {fault}\n{probe}", CudaResult.NoDevice);
        return new(probe.Driver, device, null, 0, KernelFiles.Default, info => new NvrtcCompiler(probe.Nvrtc, info.Architecture));
    }

    /// <summary>Opens the simulator: a device that runs the same kernels on the processor and checks every access. Built by the system's C++ compiler at first need.</summary>
    /// <exception cref="CudaException">
    /// There is no C++ compiler, the simulator does not build, or JEPA_SIMULATOR is no number of multiprocessors that
    /// it can have.
    /// </exception>
    public static CudaContext OpenSimulator() => OpenSimulator(KernelFiles.Default);

    internal static CudaContext OpenSimulator(KernelFiles files) =>
        OpenSimulator(files, Simulator.Multiprocessors(Environment.GetEnvironmentVariable(Simulator.Variable)));

    /// <summary>The simulator as a device of so many multiprocessors, beside contexts that have others.</summary>
    internal static CudaContext OpenSimulator(KernelFiles files, int multiprocessors)
    {
        var driver = new CudaDriver(CudaLibraries.Driver(Simulator.Library()));
        if (!driver.IsComplete)
            throw new CudaException($"the simulator cannot be used:\n{string.Join('\n', driver.File.Lines())}");
        driver.Check(driver.Init(0), "cuInit");
        lock (Simulator.Opening)
        {
            driver.SimMultiprocessors(multiprocessors);
            return new(driver, 0, null, 0, files, _ => Simulator.Compiler());
        }
    }

    /// <summary>Uses a context and a stream of the host's, which stay the host's.</summary>
    /// <param name="context">A CUcontext.</param>
    /// <param name="stream">A CUstream of it; 0 is its default stream.</param>
    /// <exception cref="CudaException">There is no driver or no compiler, or the context is none.</exception>
    public static CudaContext Adopt(nint context, nint stream)
    {
        CudaProbe probe = CudaProbe.Run();
        CudaDriver driver = probe.Driver;
        if (probe.Fault(0) is { } fault)
            throw new CudaException($"the context cannot be used: {fault}\n{probe}", CudaResult.NoDevice);
        driver.Check(driver.CtxSetCurrent(context), "cuCtxSetCurrent");
        int device;
        driver.Check(driver.CtxGetDevice(&device), "cuCtxGetDevice");
        return new(driver, device, context, stream, KernelFiles.Default, info => new NvrtcCompiler(probe.Nvrtc, info.Architecture));
    }

    /// <summary>Waits until all that was put into the stream has run.</summary>
    /// <exception cref="CudaException">Something of it failed.</exception>
    public void Synchronize()
    {
        EnterOrThrow();
        Stream.Synchronize();
    }

    /// <summary>Records what an action puts into the stream, without running it, as one graph.</summary>
    /// <param name="record">Launches, copies, fills and uploads; it can neither allocate nor wait, so run it once before.</param>
    /// <param name="uploadBytes">What it uploads, at most: the graph keeps these bytes and copies them at each launch. <see cref="UploadedBytes"/> tells.</param>
    /// <exception cref="CudaException">The action did something a graph cannot hold.</exception>
    public CudaGraph Capture(Action record, long uploadBytes = 0)
    {
        const int ThreadLocal = 1;
        EnterOrThrow();
        void* kept = null;
        if (uploadBytes > 0)
            Call(Driver.MemAllocHost(&kept, (nuint)uploadBytes), "cuMemAllocHost", detail: $" for {uploadBytes:N0} bytes");
        recordedUploads = new RecordedUploads((nint)kept, uploadBytes);
        Call(Driver.StreamBeginCapture(Stream.Handle, ThreadLocal), "cuStreamBeginCapture");
        IsCapturing = true;
        long before = recorded;
        nint graph = 0;
        try
        {
            record();
            IsCapturing = false;
            Call(Driver.StreamEndCapture(Stream.Handle, &graph), "cuStreamEndCapture");
            var made = new CudaGraph(this, graph, recorded - before, (nint)kept);
            kept = null;
            return made;
        }
        finally
        {
            if (IsCapturing)
                _ = Driver.StreamEndCapture(Stream.Handle, &graph);
            if (kept != null)
                _ = Driver.MemFreeHost(kept);
            IsCapturing = false;
            if (graph != 0)
                _ = Driver.GraphDestroy(graph);
        }
    }

    /// <summary>Gives back all kernels, the stream, the staging memory and this object's hold on the device. Memory that was allocated must be freed before.</summary>
    public void Dispose()
    {
        if (disposed)
            return;
        if (Enter())
        {
            staging.Dispose();
            UnloadKernels();
            Stream.Dispose();
        }
        disposed = true;
        if (primary is { } ordinal)
            _ = Driver.DevicePrimaryCtxRelease(ordinal);
    }

    /// <summary>Whether the stream is recording instead of running.</summary>
    internal bool IsCapturing { get; private set; }

    /// <summary>Makes the context this thread's; false where it is gone.</summary>
    internal bool Enter() => !disposed && Driver.CtxSetCurrent(handle) == CudaResult.Success;

    /// <exception cref="ObjectDisposedException">The context was disposed.</exception>
    /// <exception cref="CudaException">The device is lost.</exception>
    internal void EnterOrThrow()
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        if (lost is not null)
            throw new CudaException(lost);
        Call(Driver.CtxSetCurrent(handle), "cuCtxSetCurrent");
    }
}
