using JepaEngine.Backends.Cpu.Gemm;
using JepaEngine.Backends.Cpu.Simd;
using JepaEngine.Backends.Cpu.Workers;

namespace JepaEngine.Backends.Cpu;

internal sealed unsafe partial class CpuBackend
{
    /// <summary>Below this much work, about 50 µs on one core, waking another costs more than it brings.</summary>
    private const double SerialFlops = 5e6;

    /// <summary>Parts a worker, so that one that is held up does not hold up the others.</summary>
    private const int PartsPerWorker = 4;

    public override void MatMul(in Operand a, in Operand b, in Operand dst, in Epilogue epilogue)
    {
        if (Isa == CpuIsa.Avx512)
            MatMul<V512>(a, b, dst, epilogue);
        else if (Isa == CpuIsa.Avx2)
            MatMul<V256>(a, b, dst, epilogue);
        else
            MatMul<V1>(a, b, dst, epilogue);
    }

    private void MatMul<V>(in Operand a, in Operand b, in Operand dst, in Epilogue epilogue) where V : struct, IVector<V>
    {
        Layout left = a.Layout, right = b.Layout;
        bool batched = dst.Shape.Rank == 3;
        int m = dst.Shape[-2], n = dst.Shape[-1], k = left.Shape[-1];
        // A matrix of one column or one row has a stride that means nothing.
        nint bRow = (nint)right.Stride(-2), bCol = n == 1 ? 1 : (nint)right.Stride(-1);
        var work = new MatMulWork<V>
        {
            A = a.As<float>(), B = b.As<float>(), ARow = (nint)left.Stride(-2), ACol = (nint)left.Stride(-1),
            BRow = bCol == 1 ? bRow : 1, BCol = bCol, ABatch = batched ? (nint)left.Stride(0) : 0,
            BBatch = batched ? (nint)right.Stride(0) : 0, M = m, N = n, K = k, Dst = dst, Epilogue = epilogue,
        };
        int batch = batched ? dst.Shape[0] : 1;
        double flops = 2.0 * batch * m * n * k;
        if (batch == 1 && work.ACol == 1 && bCol != 1 && FewRows<V>.Suits(m, n, k))
        {
            MatMulFewRows(flops, work);
            return;
        }
        bool packsLeft = work.ACol != 1;
        int parts = Parts(flops, batch, packsLeft ? PartsPerWorker / 2 : PartsPerWorker);
        work.Grid = new BlockGrid(m, n, new Panels<V>(n).Count, Tile<V>.Rows, parts, packsLeft);
        Run(flops, batch * work.Grid.Count, ref work);
    }

    private void MatMulFewRows<V>(double flops, in MatMulWork<V> from) where V : struct, IVector<V>
    {
        Storage packed = Memory.Rent((long)from.K * PackedMatrix<V>.Padded(from.M) * sizeof(float));
        var work = new FewRows<V>
        {
            X = from.A, XRow = from.ARow, W = from.B, WRow = from.BCol, Packed = packed.As<float>(), M = from.M,
            N = from.N, K = from.K, Depth = Product<V, MatrixSource>.Depth(from.K),
            Parts = FewRows<V>.PartsOf(from.N, Threads), Finish = Finish.Of(from.Dst, from.Epilogue, 0), Packs = true,
        };
        Run(flops, work.PackParts, ref work);
        work.Packs = false;
        Run(flops, work.Parts, ref work);
        Memory.Return(packed);
    }

    /// <summary>Into how many parts each of <paramref name="items"/> independent pieces of work is cut.</summary>
    private int Parts(double flops, int items, int partsPerWorker = PartsPerWorker) =>
        Threads == 1 || flops < SerialFlops ? 1 : Math.Max(1, Threads * partsPerWorker / Math.Max(1, items));

    private void Run<TWork>(double flops, int parts, ref TWork work) where TWork : struct, IParallelWork
    {
        if (flops >= SerialFlops)
            pool.Run(parts, ref work);
        else
            for (int part = 0; part < parts; part++)
                work.Run(part, 0);
    }

    private struct MatMulWork<V> : IParallelWork where V : struct, IVector<V>
    {
        public float* A, B;
        public nint ARow, ACol, BRow, BCol, ABatch, BBatch;
        public int M, N, K;
        public Operand Dst;
        public Epilogue Epilogue;
        public BlockGrid Grid;

        public readonly void Run(int part, int worker)
        {
            int batch = part / Grid.Count;
            var product = new Product<V, MatrixSource>
            {
                A = A + batch * ABatch, ARow = ARow, ACol = ACol, B = new MatrixSource(B + batch * BBatch, BRow, BCol),
                M = M, N = N, K = K, Finish = Finish.Of(Dst, Epilogue, batch),
            };
            Grid.Part(part % Grid.Count, out int m, out int rows, out int first, out int end);
            product.Block(m, rows, first, end);
        }
    }
}
