using JepaEngine.Cuda.Compile;
using JepaEngine.Cuda.Context;

namespace JepaEngine.Backends.Cuda;

/// <summary>
/// Hand-written kernels on an NVIDIA GPU, or in the simulator: one file an operation, and kernels/ holds the kernels by the same names. Launches are
/// asynchronous, in the order of one stream. The tier of a call is the dtype of its operands, so that f32 tensors compute in f32 on a bf16 device.
/// </summary>
internal sealed unsafe partial class CudaBackend(CudaContext context, Allocator memory) : Backend(memory)
{
    /// <summary>Spans have 31-bit lengths, tensors do not.</summary>
    private const int MaxSpan = 1 << 30;

    private long bytesMoved;

    /// <summary>The driver's side.</summary>
    public CudaContext Context => context;

    /// <summary>While work is recorded: where its replay's number lies, by which draws differ; else 0.</summary>
    public nint ReplayCounter { get; set; }

    public override string Description => $"{context.Info.Name}, sm_{context.Info.ComputeCapability.Major}{context.Info.ComputeCapability.Minor}, "
        + $"{context.Info.Multiprocessors} multiprocessors";

    public override long Launches => context.Launches;

    public override long BytesMoved => Interlocked.Read(ref bytesMoved);

    /// <summary>Counts what a recording's kernels move.</summary>
    public void CountBytes(long bytes) => Interlocked.Add(ref bytesMoved, bytes);

    public override void Upload(nint source, long bytes, in Operand dst)
    {
        for (long done = 0; done < bytes; done += MaxSpan)
            context.Upload(dst.Address + (nint)done, new ReadOnlySpan<byte>((byte*)source + done, (int)Math.Min(MaxSpan, bytes - done)));
    }

    public override void Download(in Operand src, nint destination, long bytes)
    {
        for (long done = 0; done < bytes; done += MaxSpan)
            context.Download(src.Address + (nint)done, new Span<byte>((byte*)destination + done, (int)Math.Min(MaxSpan, bytes - done)));
    }

    /// <summary>Multiprocessors of the device.</summary>
    private int Multiprocessors => context.Info.Multiprocessors;

    /// <summary>Device memory for the length of a call. What is launched next on the stream may have it again.</summary>
    private Scratch Rent(long bytes) => new(Memory, bytes);

    /// <summary>Launches a kernel.</summary>
    /// <param name="kernel">Which, and how.</param>
    /// <param name="real">The tier: F32 or BF16.</param>
    /// <param name="grid">Blocks.</param>
    /// <param name="args">The kernel's argument struct, field by field.</param>
    /// <param name="bytes">What it has to read and write, for the counter.</param>
    /// <param name="width">The WIDTH it is compiled for, where it has one.</param>
    private void Launch<TArgs>(in Kernel kernel, DType real, Grid grid, in TArgs args, long bytes, int width = 0) where TArgs : unmanaged
    {
        CudaFunction function = context.Kernel(new KernelSource(kernel.File, real == DType.BF16 ? "bf16" : "float", width), kernel.Entry);
        CountBytes(bytes);
        fixed (TArgs* pointer = &args)
            context.Launch(function, checked((int)grid.X), grid.Y, grid.Z, kernel.Threads, kernel.Shared, pointer, sizeof(TArgs));
    }

    private static NotSupportedException Unsupported(string operation, DType dtype) => new($"{operation} in {dtype} is not done on a GPU; convert it with To");
}
