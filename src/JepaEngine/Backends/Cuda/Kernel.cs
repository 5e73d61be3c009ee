namespace JepaEngine.Backends.Cuda;

/// <summary>A launch configuration: a kernel and how it is launched.</summary>
/// <param name="File">The file in kernels/, without its extension.</param>
/// <param name="Entry">The kernel.</param>
/// <param name="Threads">Threads a block, as the kernel declares them.</param>
/// <param name="Shared">Dynamic shared memory a block, in bytes.</param>
internal readonly record struct Kernel(string File, string Entry, int Threads, int Shared = 0);

/// <summary>How many blocks a launch has.</summary>
internal readonly record struct Grid(long X, int Y = 1, int Z = 1);

/// <summary>Workspace of one call, in device memory.</summary>
internal readonly struct Scratch : IDisposable
{
    private readonly Allocator allocator;
    private readonly Storage storage;

    public Scratch(Allocator allocator, long bytes)
    {
        this.allocator = allocator;
        storage = allocator.Rent(bytes);
    }

    /// <summary>Its first byte.</summary>
    public nint Pointer => storage.Pointer;

    /// <summary>Gives it back in the order of the stream.</summary>
    public void Dispose() => allocator.Return(storage);
}
