using JepaEngine.Backends.Cpu.Workers;

namespace JepaEngine.Backends.Cpu;

/// <summary>SIMD kernels in f32. One file an operation; a kernel is written once and specialised for each vector width.</summary>
internal sealed partial class CpuBackend : Backend, IDisposable
{
    private readonly WorkerPool pool;

    /// <summary>A backend with these vectors and this many threads; <see cref="CpuIsa.Auto"/> and 0 choose by processor and environment.</summary>
    /// <exception cref="PlatformNotSupportedException">The processor lacks the vectors asked for.</exception>
    public CpuBackend(CpuIsa isa, int threads, Allocator memory) : base(memory)
    {
        Isa = isa == CpuIsa.Auto ? CpuIsas.FromEnvironment() : CpuIsas.Require(isa);
        pool = new WorkerPool(threads > 0 ? threads : CpuIsas.ThreadsFromEnvironment());
    }

    /// <summary>The vectors in use.</summary>
    public CpuIsa Isa { get; }

    /// <summary>Number of threads.</summary>
    public int Threads => pool.Workers;

    public override string Description => $"cpu {Isa.ToString().ToLowerInvariant()}, {Threads} thread{(Threads == 1 ? "" : "s")}";

    /// <summary>Ends the threads.</summary>
    public void Dispose() => pool.Dispose();
}
