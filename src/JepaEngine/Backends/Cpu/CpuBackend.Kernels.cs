using JepaEngine.Backends.Cpu.Simd;
using JepaEngine.Backends.Cpu.Workers;

namespace JepaEngine.Backends.Cpu;

/// <summary>A loop over numbered items (elements, rows, columns), written once and specialised for each vector type.</summary>
internal interface IKernel
{
    /// <summary>Does items <paramref name="start"/>..<paramref name="end"/> − 1, which are part <paramref name="part"/>.</summary>
    void Run<V>(int part, nint start, nint end) where V : struct, IVector<V>;
}

internal sealed unsafe partial class CpuBackend
{
    /// <summary>
    /// Elements in one part of a kernel that streams through memory: about 10 µs, so that a job with one part (which runs on
    /// the caller) is one too short to share. Fixed, as partial sums and with them the result's last bits depend on it.
    /// </summary>
    private const long PartElements = 1 << 15;

    /// <summary>The most partial results of a sum over rows: each is a vector of columns that is written and read again.</summary>
    private const long MaxPartials = 64;

    /// <summary>Items of a size that fill a part.</summary>
    private static long PartOf(long itemElements) => Math.Max(1, PartElements / Math.Max(1, itemElements));

    private void Run<TKernel>(in TKernel kernel, long items, long itemsPerPart) where TKernel : struct, IKernel
    {
        switch (Isa)
        {
            case CpuIsa.Avx512: Run<TKernel, V512>(kernel, items, itemsPerPart); break;
            case CpuIsa.Avx2: Run<TKernel, V256>(kernel, items, itemsPerPart); break;
            default: Run<TKernel, V1>(kernel, items, itemsPerPart); break;
        }
    }

    private void Run<TKernel, V>(in TKernel kernel, long items, long itemsPerPart)
        where TKernel : struct, IKernel where V : struct, IVector<V>
    {
        var parts = new KernelWork<TKernel, V>(kernel, (nint)items, (nint)itemsPerPart);
        pool.Run((int)CeilDiv(items, itemsPerPart), ref parts);
    }

    private struct KernelWork<TKernel, V>(in TKernel kernel, nint items, nint itemsPerPart) : IParallelWork
        where TKernel : struct, IKernel where V : struct, IVector<V>
    {
        private TKernel kernel = kernel;

        public void Run(int part, int worker)
        {
            nint start = part * itemsPerPart;
            kernel.Run<V>(part, start, Math.Min(items, start + itemsPerPart));
        }
    }

    /// <summary>Sums the partial results of a kernel's parts in their order and gives their memory back.</summary>
    private double TotalOf(Storage partials, long count)
    {
        double total = 0;
        for (long i = 0; i < count; i++)
            total += partials.As<double>()[i];
        Memory.Return(partials);
        return total;
    }

    /// <summary>An operand as rows of its last dimension.</summary>
    private static float* Rows(in Operand operand, out nint stride)
    {
        if (!operand.Layout.TryRows(out _, out long apart))
            throw new NotSupportedException("the operand does not consist of rows");
        stride = (nint)apart;
        return operand.As<float>();
    }

    private static long Width(in Operand operand) => operand.Shape.Rank == 0 ? 1 : operand.Shape[^1];
}
