using System.Runtime.InteropServices;

namespace JepaEngine.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    /// <summary>Threads of each kernel of sum.cu, and its warps.</summary>
    private const int SumThreads = 256, SumWarps = SumThreads / 32;

    /// <summary>Rows that a split of columns has at least: as many as its partial sums cost little against.</summary>
    private const int SplitRows = 64;

    private static readonly Kernel SumAll = new("sum", "sum_all", SumThreads, Shared: SumWarps * sizeof(double));
    private static readonly Kernel SumColumns = new("sum", "sum_columns", SumThreads);
    private static readonly Kernel SumPartialColumns = new("sum", "sum_partials", SumThreads, Shared: SumThreads * sizeof(float));
    private static readonly Kernel SumRows = new("sum", "sum_rows", SumThreads);
    private static readonly Kernel SumAny = new("sum", "sum_any", SumThreads, Shared: SumWarps * sizeof(float));
    private static readonly Kernel SumFinish = new("sum", "sum_finish", SumThreads, Shared: SumWarps * sizeof(double));

    [StructLayout(LayoutKind.Sequential)]
    private struct SumAllArgs
    {
        public nint X, Partials;
        public long Count;
        public int Vector;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct SumColumnsArgs
    {
        public nint X, Dst, Partials;
        public long Rows, SplitRows, Stride, BatchStride, Columns;
        public int Vector;
        public float Scale;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct SumPartialsArgs
    {
        public nint X, Dst, Second;
        public long Rows, Stride, Columns;
        public float Scale;
    }

    /// <summary>Dimensions, innermost first; those whose steps fit are one.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct SumAxes
    {
        public fixed long Length[Shape.MaxRank], Stride[Shape.MaxRank];

        public static void Add(ref SumAxes axes, ref int rank, long length, long stride)
        {
            if (rank > 0 && axes.Stride[rank - 1] * axes.Length[rank - 1] == stride)
            {
                axes.Length[rank - 1] *= length;
                return;
            }
            axes.Length[rank] = length;
            axes.Stride[rank++] = stride;
        }
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct SumAnyArgs
    {
        public nint X, Dst;
        public long Outputs, Count;
        public SumAxes KeptAxes, SummedAxes;
        public int Kept, Summed;
        public float Scale;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct SumFinishArgs
    {
        public nint Partials, Dst;
        public long Count;
        public double Scale;
    }

    public override void Sum(in Operand x, double scale, in Operand dst)
    {
        if (x.Count == 0)
        {
            Fill(dst, 0);
            return;
        }
        var args = new SumAnyArgs { X = x.Address, Dst = dst.Address, Outputs = dst.Count, Count = x.Count / dst.Count, Scale = (float)scale };
        for (int axis = x.Shape.Rank - 1; axis >= 0; axis--)
        {
            if (x.Shape[axis] == 1)
                continue;
            if (dst.Shape[axis] == 1)
                SumAxes.Add(ref args.SummedAxes, ref args.Summed, x.Shape[axis], x.Layout.Stride(axis));
            else
                SumAxes.Add(ref args.KeptAxes, ref args.Kept, x.Shape[axis], x.Layout.Stride(axis));
        }
        bool one = args.Summed == 1;
        if (one && args.Kept == 0 && args.SummedAxes.Stride[0] == 1)
            AddAll(SumAll, SumFinish, x, scale, dst);
        else if (one && args.Kept is 1 or 2 && args.KeptAxes.Stride[0] == 1 && (args.Kept == 1 || args.KeptAxes.Length[1] <= ushort.MaxValue))
            AddColumns(x, args, dst);
        else if (args.Count <= 4 * SumThreads)
            Launch(SumRows, x.DType, new Grid(CeilDiv(dst.Count, SumWarps)), args, (x.Count + dst.Count) * x.DType.Size());
        else
            Launch(SumAny, x.DType, new Grid(dst.Count), args, (x.Count + dst.Count) * x.DType.Size());
    }

    /// <summary>dst (scalar) = scale · the sum of neighbouring elements, or of their squares, by no more blocks than run at once.</summary>
    private void AddAll(in Kernel kernel, in Kernel finish, in Operand x, double scale, in Operand dst)
    {
        int most = WideBytes / x.DType.Size();
        long blocks = Math.Min(CeilDiv(x.Count, 4L * SumThreads * most), 8L * Multiprocessors);
        using Scratch partials = Rent(blocks * sizeof(double));
        var args = new SumAllArgs { X = x.Address, Partials = partials.Pointer, Count = x.Count, Vector = x.Address % WideBytes == 0 ? 1 : 0 };
        Launch(kernel, x.DType, new Grid(blocks), args, x.Count * x.DType.Size());
        Finish(finish, partials.Pointer, blocks, scale, dst);
    }

    /// <summary>dst [batch, columns] = scale · the sums over the rows of x [batch, rows, columns]. One matrix of many rows is summed in parts first.</summary>
    private void AddColumns(in Operand x, in SumAnyArgs axes, in Operand dst)
    {
        int most = WideBytes / x.DType.Size();
        var args = new SumColumnsArgs
        {
            X = x.Address, Dst = dst.Address, Rows = axes.Count, SplitRows = axes.Count, Stride = axes.SummedAxes.Stride[0], Columns = axes.KeptAxes.Length[0],
            BatchStride = axes.Kept == 1 ? 0 : axes.KeptAxes.Stride[1], Scale = axes.Scale,
        };
        bool vector = x.Address % WideBytes == 0 && (args.Stride | args.BatchStride | args.Columns) % most == 0;
        args.Vector = vector ? 1 : 0;
        int columns = vector ? 32 * most : 32;
        Kernel kernel = SumColumns with { Shared = SumWarps * columns * sizeof(float) };
        long tiles = CeilDiv(args.Columns, columns), bytes = x.Count * x.DType.Size();
        if (axes.Kept == 2)
        {
            Launch(kernel, x.DType, new Grid(tiles, 1, (int)axes.KeptAxes.Length[1]), args, bytes);
            return;
        }
        args.SplitRows = RowsOfSplit(args.Rows, tiles, out int splits);
        if (splits == 1)
        {
            Launch(kernel, x.DType, new Grid(tiles), args, bytes);
            return;
        }
        using Scratch partials = Rent(splits * args.Columns * sizeof(float));
        args.Partials = partials.Pointer;
        Launch(kernel, x.DType, new Grid(tiles, splits), args, bytes);
        SumPartials(partials.Pointer, splits, args.Columns, dst, null, axes.Scale);
    }

    /// <summary>Rows of a split where <paramref name="tiles"/> blocks walk the columns side by side, for about four blocks a multiprocessor in all.</summary>
    private long RowsOfSplit(long rows, long tiles, out int splits)
    {
        long most = Math.Clamp(CeilDiv(4L * Multiprocessors, tiles), 1, CeilDiv(rows, SplitRows)), rowsOfSplit = CeilDiv(rows, most);
        splits = (int)CeilDiv(rows, rowsOfSplit);
        return rowsOfSplit;
    }

    /// <summary>dst [columns] = scale · the sum of the rows of float partials [rows, columns]; with a second destination, of [rows, 2, columns].</summary>
    private void SumPartials(nint partials, long rows, long columns, in Operand dst, in Operand? second, float scale = 1)
    {
        int results = second is null ? 1 : 2;
        var args = new SumPartialsArgs
        {
            X = partials, Dst = dst.Address, Second = second?.Address ?? 0, Rows = rows, Stride = results * columns, Columns = columns, Scale = scale,
        };
        Launch(SumPartialColumns, dst.DType, new Grid(CeilDiv(columns, 32), results), args, rows * results * columns * sizeof(float));
    }

    /// <summary>dst (scalar) = scale · the sum of double partials, in its own dtype.</summary>
    private void Finish(in Kernel finish, nint partials, long count, double scale, in Operand dst)
    {
        var args = new SumFinishArgs { Partials = partials, Dst = dst.Address, Count = count, Scale = scale };
        Launch(finish, dst.DType, new Grid(1), args, count * sizeof(double));
    }
}
