using System.Runtime.InteropServices;

namespace JepaEngine.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    private static readonly RowKernels LayerNormForward = new("layer_norm");
    private static readonly RowKernels LayerNormGradient = new("layer_norm_grad");

    /// <summary>
    /// A kernel of layernorm.cu in its variants: a warp a row of at most 256 elements (narrow) or 1024 (middle), a block a longer one (wide), all in packs;
    /// and a block a row of what does not lie in packs (any).
    /// </summary>
    private sealed class RowKernels(string name)
    {
        private const int WarpThreads = 128, BlockThreads = 256, BlockSums = BlockThreads / 32 * sizeof(float);
        private readonly Kernel narrow = new("layernorm", $"{name}_256", WarpThreads);
        private readonly Kernel middle = new("layernorm", $"{name}_1024", WarpThreads);
        private readonly Kernel wide = new("layernorm", $"{name}_wide", BlockThreads, BlockSums);
        private readonly Kernel any = new("layernorm", $"{name}_any", BlockThreads, BlockSums);

        /// <summary>The kernel, how many rows its block has at a time, and how many blocks of the gradient a multiprocessor has registers for.</summary>
        public (Kernel Kernel, int Rows, int Resident) For(DType real, int width, bool packs) => (packs, width) switch
        {
            (true, <= 256) => (narrow, WarpThreads / 32, 8),
            (true, <= 1024) => (middle, WarpThreads / 32, real == DType.BF16 ? 3 : 2),
            (true, _) => (wide, 1, 3),
            _ => (any, 1, 2),
        };
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct LayerNormArgs
    {
        public nint X, Weight, Bias, Dst, Mean, Rstd;
        public long Rows, XStride, WeightStride, BiasStride, DstStride;
        public int Columns;
        public float Base, Eps;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct LayerNormGradArgs
    {
        public nint X, Weight, Mean, Rstd, Dy, Dx, Dweight, Dbias, Partials;
        public long Rows, XStride, WeightStride, DyStride, DxStride, DweightStride, DbiasStride;
        public int Columns;
        public float Base;
        public int Accumulate;
    }

    public override void LayerNorm(in Operand x, in Operand? weight, in Operand? bias, double eps, in Operand dst, in Operand mean, in Operand rstd)
    {
        if (dst.Count == 0)
            return;
        Rows from = new(x), to = new(dst);
        var args = new LayerNormArgs
        {
            X = from.Address, XStride = from.Stride, Dst = to.Address, DstStride = to.Stride, Mean = mean.Address, Rstd = rstd.Address,
            Rows = from.Count, Columns = from.Width, Base = 1, Eps = (float)eps,
        };
        bool packs = from.Packs && to.Packs;
        if (weight is { } w && bias is { } b)
        {
            (args.Weight, args.Bias, args.Base) = (w.Address, b.Address, 0);
            packs &= new Rows(w).Packs && new Rows(b).Packs;
        }
        (Kernel kernel, int rows, _) = LayerNormForward.For(x.DType, from.Width, packs);
        Launch(kernel, x.DType, new Grid(CeilDiv(from.Count, rows)), args, 2 * x.Count * x.DType.Size());
    }

    public override void LayerNormGrad(in Operand x, in Operand? weight, in Operand mean, in Operand rstd, in Operand dy,
        in Operand dx, bool accumulate, in Operand? dweight, in Operand? dbias)
    {
        if (x.Count == 0)
        {
            if (dweight is { } none && dbias is { } nothing)
            {
                Fill(none, 0);
                Fill(nothing, 0);
            }
            return;
        }
        Rows from = new(x), upstream = new(dy), to = new(dx);
        var args = new LayerNormGradArgs
        {
            X = from.Address, XStride = from.Stride, Dy = upstream.Address, DyStride = upstream.Stride, Dx = to.Address, DxStride = to.Stride,
            Mean = mean.Address, Rstd = rstd.Address, Rows = from.Count, Columns = from.Width, Base = 1, Accumulate = accumulate ? 1 : 0,
        };
        bool packs = from.Packs && upstream.Packs && to.Packs;
        if (weight is { } w)
        {
            (args.Weight, args.Base) = (w.Address, 0);
            packs &= new Rows(w).Packs;
        }
        (Kernel kernel, int rows, int resident) = LayerNormGradient.For(x.DType, from.Width, packs);
        long blocks = Math.Min(CeilDiv(from.Count, rows), (long)resident * Multiprocessors), bytes = (accumulate ? 4 : 3) * x.Count * x.DType.Size();
        if (dweight is not { } dw || dbias is not { } db)
        {
            Launch(kernel, x.DType, new Grid(blocks), args, bytes);
            return;
        }
        using Scratch partials = Rent(blocks * 2 * from.Width * sizeof(float));
        args.Partials = partials.Pointer;
        if (rows > 1)
            kernel = kernel with { Shared = 2 * from.Width * sizeof(float) };
        Launch(kernel, x.DType, new Grid(blocks), args, bytes);
        SumPartials(partials.Pointer, blocks, from.Width, dw, db);
    }
}
