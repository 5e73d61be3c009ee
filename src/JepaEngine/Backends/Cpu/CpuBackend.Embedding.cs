using System.Runtime.CompilerServices;
using JepaEngine.Backends.Cpu.Simd;

namespace JepaEngine.Backends.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override void Embedding(in Operand table, in Operand ids, in Operand dst)
    {
        long width = table.Shape[1];
        Run(new EmbeddingKernel { Table = Rows(table, out nint stride), Stride = stride, Ids = new Indices(ids), Dst = dst.As<float>(), Width = (nint)width },
            ids.Count, PartOf(width));
    }

    public override void EmbeddingGrad(in Operand dy, in Operand ids, in Operand dtable)
    {
        Fill(dtable, 0);
        long width = dtable.Shape[1];
        // A part is a strip of columns, so that each sum is one worker's and goes in the order of the rows.
        Run(new EmbeddingGradKernel { Dy = dy.As<float>(), Ids = new Indices(ids), Rows = (nint)ids.Count, Dtable = dtable.As<float>(),
            Width = (nint)width }, width, StripColumns);
    }

    /// <summary>I32 or I64 numbers.</summary>
    private readonly struct Indices(in Operand ids)
    {
        private readonly int* narrow = ids.DType == DType.I32 ? ids.As<int>() : null;
        private readonly long* wide = ids.DType == DType.I32 ? null : ids.As<long>();

        public nint this[nint i] => narrow != null ? narrow[i] : (nint)wide[i];
    }

    private struct EmbeddingKernel : IKernel
    {
        public float* Table, Dst;
        public Indices Ids;
        public nint Stride, Width;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run<V>(int part, nint start, nint end) where V : struct, IVector<V>
        {
            for (nint row = start; row < end; row++)
                Buffer.MemoryCopy(Table + Ids[row] * Stride, Dst + row * Width, Width * sizeof(float), Width * sizeof(float));
        }
    }

    private struct EmbeddingGradKernel : IKernel
    {
        public float* Dy, Dtable;
        public Indices Ids;
        public nint Rows, Width;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run<V>(int part, nint start, nint end) where V : struct, IVector<V>
        {
            for (nint row = 0; row < Rows; row++)
            {
                float* dy = Dy + row * Width, sum = Dtable + Ids[row] * Width;
                for (nint i = start; i < end; i += V.Count)
                    Lanes.Store(sum + i, Lanes.Load<V>(sum + i, end - i) + Lanes.Load<V>(dy + i, end - i), end - i);
            }
        }
    }
}
