using System.Runtime.CompilerServices;
using JepaEngine.Backends.Cpu.Simd;

namespace JepaEngine.Backends.Cpu.Gemm;

/// <summary>
/// The micro-kernels: c [rows, width] = or += a [rows, depth] · b [depth, width] with the tile of c in registers. An element is one chain
/// of fused multiply-adds in the order of k whatever the tile's shape, so how a product is cut into tiles does not change its bits.
/// </summary>
internal static unsafe class Tile<V> where V : struct, IVector<V>
{
    /// <summary>Rows of the full tile: 8 rows of 3 vectors use 28 of AVX-512's 32 registers, 6 of 2 use 15 of AVX2's 16.</summary>
    public static int Rows => V.Count == 16 ? 8 : 6;

    /// <summary>The most vectors in a row of a tile.</summary>
    public static int Vectors => V.Count == 16 ? 3 : 2;

    /// <summary>
    /// One tile. a is read by strides; b has rows of <paramref name="vectors"/> whole vectors <paramref name="bRow"/> apart; c likewise.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Multiply(int rows, int vectors, nint depth, float* a, nint aRow, nint aCol, float* b, nint bRow, float* c, nint cRow,
        bool accumulate)
    {
        if (vectors == 1)
            Multiply<Row1<V>>(rows, depth, a, aRow, aCol, b, bRow, c, cRow, accumulate);
        else if (vectors == 2)
            Multiply<Row2<V>>(rows, depth, a, aRow, aCol, b, bRow, c, cRow, accumulate);
        else
            Multiply<Row3<V>>(rows, depth, a, aRow, aCol, b, bRow, c, cRow, accumulate);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Multiply<TRow>(int rows, nint depth, float* a, nint aRow, nint aCol, float* b, nint bRow, float* c, nint cRow,
        bool accumulate) where TRow : struct, IRow<TRow, V>
    {
        if (rows <= 2)
            Two<TRow>(rows, depth, a, aRow, aCol, b, bRow, c, cRow, accumulate);
        else if (rows <= 4)
            Four<TRow>(rows, depth, a, aRow, aCol, b, bRow, c, cRow, accumulate);
        else if (V.Count != 16)
            Six<TRow>(rows, depth, a, aRow, aCol, b, bRow, c, cRow, accumulate);
        else
            Eight<TRow>(rows, depth, a, aRow, aCol, b, bRow, c, cRow, accumulate);
    }

    // Rows that a tile has not are computed from its last row again and not stored.

    /// <summary>5 to 8 rows.</summary>
    [SkipLocalsInit, MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Eight<TRow>(int rows, nint depth, float* a, nint aRow, nint aCol, float* b, nint bRow, float* c, nint cRow,
        bool accumulate) where TRow : struct, IRow<TRow, V>
    {
        nint last = rows - 1;
        float* a1 = a + Math.Min(1, last) * aRow, a2 = a + Math.Min(2, last) * aRow, a3 = a + Math.Min(3, last) * aRow,
            a4 = a + Math.Min(4, last) * aRow, a5 = a + Math.Min(5, last) * aRow, a6 = a + Math.Min(6, last) * aRow,
            a7 = a + Math.Min(7, last) * aRow;
        TRow c0 = default, c1 = default, c2 = default, c3 = default, c4 = default, c5 = default, c6 = default, c7 = default;
        for (nint k = 0, i = 0; k < depth; k++, i += aCol, b += bRow)
        {
            TRow x = TRow.Load(b);
            c0 = TRow.MultiplyAdd(V.Create(a[i]), x, c0);
            c1 = TRow.MultiplyAdd(V.Create(a1[i]), x, c1);
            c2 = TRow.MultiplyAdd(V.Create(a2[i]), x, c2);
            c3 = TRow.MultiplyAdd(V.Create(a3[i]), x, c3);
            c4 = TRow.MultiplyAdd(V.Create(a4[i]), x, c4);
            c5 = TRow.MultiplyAdd(V.Create(a5[i]), x, c5);
            c6 = TRow.MultiplyAdd(V.Create(a6[i]), x, c6);
            c7 = TRow.MultiplyAdd(V.Create(a7[i]), x, c7);
        }
        Put(c, c0, accumulate);
        if (rows == 1)
            return;
        Put(c += cRow, c1, accumulate);
        if (rows == 2)
            return;
        Put(c += cRow, c2, accumulate);
        if (rows == 3)
            return;
        Put(c += cRow, c3, accumulate);
        if (rows == 4)
            return;
        Put(c += cRow, c4, accumulate);
        if (rows == 5)
            return;
        Put(c += cRow, c5, accumulate);
        if (rows == 6)
            return;
        Put(c += cRow, c6, accumulate);
        if (rows == 7)
            return;
        Put(c += cRow, c7, accumulate);
    }

    /// <summary>5 or 6 rows.</summary>
    [SkipLocalsInit, MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Six<TRow>(int rows, nint depth, float* a, nint aRow, nint aCol, float* b, nint bRow, float* c, nint cRow,
        bool accumulate) where TRow : struct, IRow<TRow, V>
    {
        nint last = rows - 1;
        float* a1 = a + Math.Min(1, last) * aRow, a2 = a + Math.Min(2, last) * aRow, a3 = a + Math.Min(3, last) * aRow,
            a4 = a + Math.Min(4, last) * aRow, a5 = a + Math.Min(5, last) * aRow;
        TRow c0 = default, c1 = default, c2 = default, c3 = default, c4 = default, c5 = default;
        for (nint k = 0, i = 0; k < depth; k++, i += aCol, b += bRow)
        {
            TRow x = TRow.Load(b);
            c0 = TRow.MultiplyAdd(V.Create(a[i]), x, c0);
            c1 = TRow.MultiplyAdd(V.Create(a1[i]), x, c1);
            c2 = TRow.MultiplyAdd(V.Create(a2[i]), x, c2);
            c3 = TRow.MultiplyAdd(V.Create(a3[i]), x, c3);
            c4 = TRow.MultiplyAdd(V.Create(a4[i]), x, c4);
            c5 = TRow.MultiplyAdd(V.Create(a5[i]), x, c5);
        }
        Put(c, c0, accumulate);
        if (rows == 1)
            return;
        Put(c += cRow, c1, accumulate);
        if (rows == 2)
            return;
        Put(c += cRow, c2, accumulate);
        if (rows == 3)
            return;
        Put(c += cRow, c3, accumulate);
        if (rows == 4)
            return;
        Put(c += cRow, c4, accumulate);
        if (rows == 5)
            return;
        Put(c += cRow, c5, accumulate);
    }

    /// <summary>3 or 4 rows.</summary>
    [SkipLocalsInit, MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Four<TRow>(int rows, nint depth, float* a, nint aRow, nint aCol, float* b, nint bRow, float* c, nint cRow,
        bool accumulate) where TRow : struct, IRow<TRow, V>
    {
        nint last = rows - 1;
        float* a1 = a + Math.Min(1, last) * aRow, a2 = a + Math.Min(2, last) * aRow, a3 = a + Math.Min(3, last) * aRow;
        TRow c0 = default, c1 = default, c2 = default, c3 = default;
        for (nint k = 0, i = 0; k < depth; k++, i += aCol, b += bRow)
        {
            TRow x = TRow.Load(b);
            c0 = TRow.MultiplyAdd(V.Create(a[i]), x, c0);
            c1 = TRow.MultiplyAdd(V.Create(a1[i]), x, c1);
            c2 = TRow.MultiplyAdd(V.Create(a2[i]), x, c2);
            c3 = TRow.MultiplyAdd(V.Create(a3[i]), x, c3);
        }
        Put(c, c0, accumulate);
        if (rows == 1)
            return;
        Put(c += cRow, c1, accumulate);
        if (rows == 2)
            return;
        Put(c += cRow, c2, accumulate);
        if (rows == 3)
            return;
        Put(c += cRow, c3, accumulate);
    }

    /// <summary>1 or 2 rows.</summary>
    [SkipLocalsInit, MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Two<TRow>(int rows, nint depth, float* a, nint aRow, nint aCol, float* b, nint bRow, float* c, nint cRow,
        bool accumulate) where TRow : struct, IRow<TRow, V>
    {
        nint last = rows - 1;
        float* a1 = a + Math.Min(1, last) * aRow;
        TRow c0 = default, c1 = default;
        for (nint k = 0, i = 0; k < depth; k++, i += aCol, b += bRow)
        {
            TRow x = TRow.Load(b);
            c0 = TRow.MultiplyAdd(V.Create(a[i]), x, c0);
            c1 = TRow.MultiplyAdd(V.Create(a1[i]), x, c1);
        }
        Put(c, c0, accumulate);
        if (rows == 1)
            return;
        Put(c += cRow, c1, accumulate);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put<TRow>(float* c, TRow value, bool accumulate) where TRow : struct, IRow<TRow, V> =>
        TRow.Store(c, accumulate ? TRow.Load(c) + value : value);
}
