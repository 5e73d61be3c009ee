using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using JepaEngine.Backends.Cpu.Simd;

namespace JepaEngine.Backends.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override void Sum(in Operand x, double scale, in Operand dst)
    {
        float* to = dst.As<float>(), from = x.As<float>();
        if (x.Count == 0)
        {
            Fill(dst, 0);
            return;
        }
        // The destination as x's shape sees it: a stride of 0 where it sums.
        Span<long> strides = stackalloc long[x.Shape.Rank];
        for (int axis = 0; axis < strides.Length; axis++)
            strides[axis] = dst.Shape[axis] == x.Shape[axis] ? dst.Layout.Stride(axis) : 0;
        var nest = new Nest(x.Layout, new Layout(x.Shape, strides, 0));

        int last = nest.Rank - 1;
        bool dense = nest.Stride(last, 0) == 1, sumsLast = nest.Stride(last, 1) == 0;
        if (dense && sumsLast && last == 0)
            *to = (float)(scale * SumAll(from, x.Count));
        else if (dense && sumsLast && last == 1 && nest.Stride(0, 1) == 1)
            Run(new RowSums { X = from, Stride = (nint)nest.Stride(0, 0), Width = (nint)nest.Length[1], Scale = scale, Dst = to },
                nest.Length[0], PartOf(nest.Length[1]));
        else if (dense && !sumsLast && last == 1 && nest.Stride(0, 1) == 0)
            AddRows(from, nest.Length[0], nest.Stride(0, 0), nest.Length[1], scale, to);
        else
            SumAny(ref nest, from, scale, to, dst.Count);
    }

    /// <summary>dst [width] = scale · the sum of rows of x; the rows fall into fixed blocks, each of which has a sum of its own.</summary>
    private void AddRows(float* x, long rows, long stride, long width, double scale, float* dst)
    {
        const long blockRows = 128;
        long rowsPerBlock = Math.Max(blockRows, CeilDiv(rows, MaxPartials)), blocks = CeilDiv(rows, rowsPerBlock);
        var kernel = new ColumnSums
        {
            X = x, Stride = (nint)stride, Rows = (nint)rows, RowsPerBlock = (nint)rowsPerBlock, Width = (nint)width,
            Scale = (float)scale, Dst = dst,
        };
        long pieces = CeilDiv(width, ColumnSums.Piece);
        long piecesPerPart = PartOf(Math.Min(rows, rowsPerBlock) * Math.Min(width, ColumnSums.Piece));
        if (blocks <= 1)
        {
            Run(kernel, pieces, piecesPerPart);
            return;
        }
        Storage partials = Memory.Rent(blocks * width * sizeof(float));
        kernel.Dst = partials.As<float>();
        kernel.Scale = 1;
        Run(kernel, blocks * pieces, piecesPerPart);
        AddRows(partials.As<float>(), blocks, width, width, scale, dst);
        Memory.Return(partials);
    }

    private double SumAll(float* x, long count)
    {
        long parts = CeilDiv(count, PartElements);
        Storage partials = Memory.Rent(parts * sizeof(double));
        Run(new ElementSum { X = x, Partials = partials.As<double>() }, count, PartElements);
        return TotalOf(partials, parts);
    }

    /// <summary>Any layout: one element after the other, in double.</summary>
    private void SumAny(ref Nest nest, float* x, double scale, float* dst, long count)
    {
        Storage sums = Memory.Rent(count * sizeof(double));
        double* to = sums.As<double>();
        NativeMemory.Clear(to, (nuint)count * sizeof(double));
        for (nint i = 0; i < nest.Runs; i++)
        {
            ElementRun run = nest[i];
            for (nint j = 0; j < run.Count; j++)
                to[run.Offset[1] + j * run.Step[1]] += x[run.Offset[0] + j * run.Step[0]];
        }
        for (long i = 0; i < count; i++)
            dst[i] = (float)(scale * to[i]);
        Memory.Return(sums);
    }

    /// <summary>The sum of neighbouring elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float SumOf<V>(float* x, nint count) where V : struct, IVector<V>
    {
        V s0 = V.Zero, s1 = V.Zero, s2 = V.Zero, s3 = V.Zero;
        nint i = 0;
        for (; i <= count - 4 * V.Count; i += 4 * V.Count)
        {
            s0 += V.Load(x + i);
            s1 += V.Load(x + i + V.Count);
            s2 += V.Load(x + i + 2 * V.Count);
            s3 += V.Load(x + i + 3 * V.Count);
        }
        for (; i < count; i += V.Count)
            s0 += Lanes.Load<V>(x + i, count - i);
        return V.Sum((s0 + s1) + (s2 + s3));
    }

    private struct ElementSum : IKernel
    {
        public float* X;
        public double* Partials;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run<V>(int part, nint start, nint end) where V : struct, IVector<V>
        {
            // A part in pieces: a sum of at most 4096 floats loses nothing worth naming even one float at a time.
            double sum = 0;
            for (nint i = start; i < end; i += 4096)
                sum += SumOf<V>(X + i, Math.Min(4096, end - i));
            Partials[part] = sum;
        }
    }

    private struct RowSums : IKernel
    {
        public float* X, Dst;
        public nint Stride, Width;
        public double Scale;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run<V>(int part, nint start, nint end) where V : struct, IVector<V>
        {
            for (nint row = start; row < end; row++)
            {
                double sum = 0;
                for (nint i = 0; i < Width; i += 4096)
                    sum += SumOf<V>(X + row * Stride + i, Math.Min(4096, Width - i));
                Dst[row] = (float)(Scale * sum);
            }
        }
    }

    /// <summary>Item = a block of rows and a piece of their columns; four rows at a time join the piece's sums, which stay in L1.</summary>
    private struct ColumnSums : IKernel
    {
        public const int Piece = 2048;
        public float* X, Dst;
        public nint Stride, Rows, RowsPerBlock, Width;
        public float Scale;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run<V>(int part, nint start, nint end) where V : struct, IVector<V>
        {
            nint pieces = (Width + Piece - 1) / Piece;
            V scale = V.Create(Scale);
            for (nint item = start; item < end; item++)
            {
                nint block = item / pieces, column = item % pieces * Piece, width = Math.Min(Piece, Width - column);
                nint row = block * RowsPerBlock, rows = Math.Min(RowsPerBlock, Rows - row);
                float* x = X + row * Stride + column, dst = Dst + block * Width + column;
                nint first = rows % 4;
                for (nint i = 0; i < width; i += V.Count)
                {
                    V sum = V.Zero;
                    for (nint r = 0; r < first; r++)
                        sum += Lanes.Load<V>(x + r * Stride + i, width - i);
                    Lanes.Store(dst + i, sum, width - i);
                }
                for (nint r = first; r < rows; r += 4)
                {
                    float* x0 = x + r * Stride, x1 = x0 + Stride, x2 = x1 + Stride, x3 = x2 + Stride;
                    for (nint i = 0; i < width; i += V.Count)
                    {
                        nint left = width - i;
                        V four = (Lanes.Load<V>(x0 + i, left) + Lanes.Load<V>(x1 + i, left))
                            + (Lanes.Load<V>(x2 + i, left) + Lanes.Load<V>(x3 + i, left));
                        Lanes.Store(dst + i, Lanes.Load<V>(dst + i, left) + four, left);
                    }
                }
                if (Scale != 1)
                    for (nint i = 0; i < width; i += V.Count)
                        Lanes.Store(dst + i, Lanes.Load<V>(dst + i, width - i) * scale, width - i);
            }
        }
    }
}
