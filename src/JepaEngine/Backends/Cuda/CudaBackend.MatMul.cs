using System.Runtime.InteropServices;

namespace JepaEngine.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    /// <summary>Neighbours that product_fma reads at once.</summary>
    private const int FmaGroup = 4;

    private static readonly Kernel GemmReduce = new("gemm", "gemm_reduce", Threads: 256);

    public override void MatMul(in Operand a, in Operand b, in Operand dst, in Epilogue epilogue)
    {
        if (dst.Count == 0)
            return;
        int batch = dst.Shape.Rank == 3 ? dst.Shape[0] : 1;
        MatMul(a, b, dst, epilogue, GemmPlan.Best(GemmTiles(a, b), batch, dst.Shape[-2], dst.Shape[-1], a.Shape[-1], Multiprocessors));
    }

    /// <summary>The tiles that take these operands.</summary>
    internal static IReadOnlyList<GemmTile> GemmTiles(in Operand a, in Operand b) =>
        a.DType == DType.BF16 && (IsAlongK(a, -1) || !IsAlongK(b, -2)) && AreAligned(a, b, Wide(a)) ? GemmTile.Mma : GemmTile.Fma;

    /// <summary>A product cut as <paramref name="plan"/> says, with one of <see cref="GemmTiles"/>.</summary>
    internal void MatMul(in Operand a, in Operand b, in Operand dst, in Epilogue epilogue, GemmPlan plan)
    {
        DType real = dst.DType;
        if (real is not (DType.F32 or DType.BF16))
            throw Unsupported("MatMul", real);
        bool batched = dst.Shape.Rank == 3;
        int batch = batched ? dst.Shape[0] : 1, m = dst.Shape[-2], n = dst.Shape[-1], k = a.Shape[-1], wide = Wide(dst);
        long partialRow = CeilDiv(n, wide) * wide, partialBytes = plan.Parts == 1 ? 0 : plan.Parts * batch * m * partialRow * sizeof(float);
        using Scratch partials = Rent(partialBytes);
        var args = new GemmArgs
        {
            Epilogue = EpilogueArgs.Of(dst, epilogue), A = a.Address, B = b.Address,
            Partials = plan.Parts == 1 ? 0 : partials.Pointer, ARow = a.Layout.Stride(-2),
            AColumn = a.Layout.Stride(-1), ABatch = batched ? a.Layout.Stride(0) : 0, BRow = b.Layout.Stride(-2),
            BColumn = b.Layout.Stride(-1), BBatch = batched ? b.Layout.Stride(0) : 0, PartialRow = partialRow,
            Batch = batch, M = m, N = n, K = k, Depth = plan.Depth, Parts = plan.Parts,
            Vector = AreAligned(a, b, FmaGroup) ? 1 : 0,
        };
        if (plan.Parts > 0)
        {
            GemmForm form = IsAlongK(b, -2) ? GemmForm.NT : IsAlongK(a, -1) ? GemmForm.NN : GemmForm.TN;
            var grid = new Grid(batch * CeilDiv(m, plan.Tile.M) * CeilDiv(n, plan.Tile.N), plan.Parts);
            long bytes = (a.Count + b.Count) * real.Size() + (plan.Parts == 1 ? EpilogueBytes(dst, epilogue) : partialBytes);
            Launch(plan.Tile.Kernels[Math.Min((int)form, plan.Tile.Kernels.Count - 1)], real, grid, args, bytes);
        }
        if (plan.Parts != 1)
            Launch(GemmReduce, real, new Grid(CeilDiv(batch * m * CeilDiv(n, wide), GemmReduce.Threads)), args, partialBytes + EpilogueBytes(dst, epilogue));
    }

    private static bool IsAlongK(in Operand x, int axis) => x.Layout.Stride(axis) == 1;

    /// <summary>Elements of the widest access, 16 bytes.</summary>
    private static int Wide(in Operand x) => 16 / x.DType.Size();

    private static bool AreAligned(in Operand a, in Operand b, int elements) =>
        IsAligned(a, IsAlongK(a, -1) ? -1 : -2, elements) && IsAligned(b, IsAlongK(b, -2) ? -2 : -1, elements);

    /// <summary>Whether the runs of neighbours along an axis begin at multiples of <paramref name="elements"/> elements.</summary>
    private static bool IsAligned(in Operand x, int axis, int elements)
    {
        bool aligned = x.Address % (elements * x.DType.Size()) == 0;
        for (int i = -x.Shape.Rank; i < 0; i++)
            aligned &= i == axis || x.Shape[i] == 1 || x.Layout.Stride(i) % elements == 0;
        return aligned;
    }

    private static long EpilogueBytes(in Operand dst, in Epilogue epilogue) => dst.DType.Size()
        * (dst.Count * (1 + (epilogue.Derivative is null ? 0 : 1) + (epilogue.Multiplier is null ? 0 : 1) + (epilogue.Residual is null ? 0 : 1))
            + (epilogue.Bias?.Count ?? 0));

    /// <summary>As struct Epilogue in epilogue.cuh.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct EpilogueArgs
    {
        public nint Dst, Bias, Derivative, Multiplier, Residual;
        public long DstRow, DerivativeRow, MultiplierRow, ResidualRow, DstBatch, DerivativeBatch, MultiplierBatch, ResidualBatch;
        public int Activation, Vector;

        public static EpilogueArgs Of(in Operand dst, in Epilogue epilogue)
        {
            var args = new EpilogueArgs { Activation = (int)epilogue.Activation, Vector = 1 };
            (args.Dst, args.DstRow, args.DstBatch) = args.Matrix(dst);
            (args.Derivative, args.DerivativeRow, args.DerivativeBatch) = args.Matrix(epilogue.Derivative);
            (args.Multiplier, args.MultiplierRow, args.MultiplierBatch) = args.Matrix(epilogue.Multiplier);
            (args.Residual, args.ResidualRow, args.ResidualBatch) = args.Matrix(epilogue.Residual);
            (args.Bias, _, _) = args.Matrix(epilogue.Bias);
            return args;
        }

        private (nint Address, long Row, long Batch) Matrix(in Operand? operand)
        {
            if (operand is not { } x)
                return default;
            if (!IsAligned(x, -1, Wide(x)))
                Vector = 0;
            return (x.Address, x.Shape.Rank > 1 ? x.Layout.Stride(-2) : 0, x.Shape.Rank == 3 ? x.Layout.Stride(0) : 0);
        }
    }

    /// <summary>As struct GemmArgs in gemm.cu.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct GemmArgs
    {
        public EpilogueArgs Epilogue;
        public nint A, B, Partials;
        public long ARow, AColumn, ABatch, BRow, BColumn, BBatch, PartialRow, Batch;
        public int M, N, K, Depth, Parts, Vector;
    }
}
