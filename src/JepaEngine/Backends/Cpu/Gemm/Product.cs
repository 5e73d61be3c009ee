using System.Runtime.CompilerServices;
using JepaEngine.Backends.Cpu.Simd;

namespace JepaEngine.Backends.Cpu.Gemm;

/// <summary>
/// finish(a [M, K] · b [K, N]), any block of rows and panels of columns by itself: each block packs the part of b it needs into
/// its thread's scratch, so blocks share nothing and need no barrier, and a is read where it lies. K is cut in a way that only K and
/// the order of a decide, hence the bits do not depend on the blocks.
/// </summary>
internal unsafe struct Product<V, TSource> where V : struct, IVector<V> where TSource : struct, IPanelSource
{
    /// <summary>
    /// The deepest tile. Each cut of K reads and writes all partial sums again and shortens the runs that packing reads: 256 x 1024 x 1024
    /// reaches 2 points of the peak less when cut at 512 and 3 when cut at 384. A panel of b, 240 KB, still streams from L2.
    /// </summary>
    private const int MaxDepth = 1280;

    /// <summary>The same where a is packed too: deeper, its copy and the panels evict each other, 768 x 192 x 8224 falls from 80 to 59 % of the peak.</summary>
    private const int MaxLeftDepth = 384;

    /// <summary>Floats of b packed at once: 384 KB of L2; more would evict the transposed a's copy.</summary>
    private const int MaxPacked = 96 * 1024;

    /// <summary>Rows up to which reading b where it lies is cheaper than packing it.</summary>
    public const int DirectRows = 16;

    /// <summary>
    /// Rows of a transposed a that are packed at once, a multiple of both tiles' rows. Read in place its cache lines, one a step of k,
    /// evict each other: 66 against 95 GFLOP/s at 1024 x 1024 x 1024.
    /// </summary>
    private const int LeftRows = 48;

    public float* A;
    public nint ARow, ACol;
    public TSource B;
    public int M, N, K;
    public Finish Finish;

    /// <summary>Rows m..m+rows of panels first..end, in this thread's scratch.</summary>
    public readonly void Block(int m, int rows, int first, int end) => Block(m, rows, first, end, Scratch.Of(Floats(rows, first, end)));

    /// <summary>What a block needs of memory.</summary>
    public readonly nint Floats(int rows, int first, int end)
    {
        (int depths, int depth, int widest) = Cut(new Panels<V>(N), first, end);
        return TileFloats + (nint)depth * widest + LeftFloats(depth) + (depths > 1 ? (nint)rows * widest : 0);
    }

    private static int TileFloats => Tile<V>.Rows * Tile<V>.Vectors * V.Count;

    private readonly nint LeftFloats(int depth) => ACol == 1 ? 0 : (nint)depth * LeftRows;

    /// <summary>How deep the pieces are into which K is cut.</summary>
    public static int Depth(int k, int deepest = MaxDepth)
    {
        int depths = Math.Max(1, (k + deepest - 1) / deepest);
        return (k + depths - 1) / depths;
    }

    /// <summary>Into how many pieces K is cut, how deep they are, and how many columns are packed at once.</summary>
    private readonly (int Depths, int Depth, int Widest) Cut(in Panels<V> panels, int first, int end)
    {
        int deepest = ACol == 1 ? MaxDepth : MaxLeftDepth, depth = Depth(K, deepest);
        int most = Math.Max(MaxPacked / Math.Max(1, depth), Tile<V>.Vectors * V.Count);
        return (Math.Max(1, (K + deepest - 1) / deepest), depth, Math.Min(panels.Start(end) - panels.Start(first), most));
    }

    /// <summary>Rows m..m+rows of panels first..end.</summary>
    [SkipLocalsInit]
    public readonly void Block(int m, int rows, int first, int end, float* memory)
    {
        var panels = new Panels<V>(N);
        (int depths, int deepest, int widest) = Cut(panels, first, end);
        float* tile = memory, packed = tile + TileFloats, left = packed + (nint)deepest * widest, partial = left + LeftFloats(deepest);
        while (first < end)
        {
            int groupEnd = GroupEnd(panels, first, end, deepest, out int columns);
            for (int k = 0, more = depths - 1; more >= 0; k += deepest, more--)
            {
                int depth = Math.Min(deepest, K - k);
                Group(panels, m, rows, first, groupEnd, k, depth, more == 0, tile, packed, left, depths > 1 ? partial : null, columns);
            }
            first = groupEnd;
        }
    }

    /// <summary>As many panels as may be packed at once.</summary>
    private static int GroupEnd(in Panels<V> panels, int first, int end, int depth, out int columns)
    {
        int start = panels.Start(first), last = first + 1;
        while (last < end && (nint)depth * (panels.Start(last + 1) - start) <= MaxPacked)
            last++;
        columns = panels.Start(last) - start;
        return last;
    }

    private readonly void Group(in Panels<V> panels, int m, int rows, int first, int end, int k, int depth, bool last,
        float* tile, float* packed, float* left, float* partial, int partialRow)
    {
        int start = panels.Start(first);
        bool direct = rows <= DirectRows && B.At(k, start, out _) != null;
        for (int panel = first; panel < end; panel++)
        {
            int n = panels.Start(panel), width = panels.Start(panel + 1) - n;
            if (!direct || n + width > N)
                B.Pack(k, depth, n, Math.Min(width, N - n), packed + (nint)depth * (n - start), width);
        }
        bool plain = partial == null && Finish.IsPlain;
        for (int i = 0; i < rows; i += Tile<V>.Rows)
        {
            int tileRows = Math.Min(Tile<V>.Rows, rows - i);
            float* a = A + (m + i) * ARow + k * ACol;
            nint aRow = ARow, aCol = ACol;
            if (ACol != 1)
            {
                if (i % LeftRows == 0)
                    new MatrixSource(A, ACol, ARow).Pack(k, depth, m + i, Math.Min(LeftRows, rows - i), left, LeftRows);
                a = left + i % LeftRows;
                aRow = 1;
                aCol = LeftRows;
            }
            for (int panel = first; panel < end; panel++)
            {
                int n = panels.Start(panel), width = panels.Start(panel + 1) - n, columns = Math.Min(width, N - n);
                nint bRow = width;
                float* b = direct && columns == width ? B.At(k, n, out bRow) : packed + (nint)depth * (n - start);
                nint cRow = partial == null ? width : partialRow;
                float* c = partial == null ? tile : partial + i * cRow + (n - start);
                bool store = plain && columns == width;
                if (store)
                    c = Finish.At(m + i, n, out cRow);
                if (last)
                    Finish.Prefetch(m + i, n, tileRows, columns);
                Tile<V>.Multiply(tileRows, panels.Vectors(panel), depth, a, aRow, aCol, b, bRow, c, cRow, accumulate: k > 0);
                if (last && !store)
                    Finish.Store<V>(c, cRow, m + i, n, tileRows, columns);
            }
        }
    }
}
