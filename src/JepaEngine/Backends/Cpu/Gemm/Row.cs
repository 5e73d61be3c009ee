using System.Runtime.CompilerServices;
using JepaEngine.Backends.Cpu.Simd;

namespace JepaEngine.Backends.Cpu.Gemm;

/// <summary>
/// One to three neighbouring vectors: the part of an output row that a micro-kernel keeps in registers. The JIT promotes such a struct to
/// registers (99 % of the FMA peak measured); an inline array it would not.
/// </summary>
internal unsafe interface IRow<TRow, V> where TRow : struct, IRow<TRow, V> where V : struct, IVector<V>
{
    static abstract TRow Load(float* source);

    static abstract void Store(float* destination, TRow row);

    /// <summary>a · b + c.</summary>
    static abstract TRow MultiplyAdd(V a, TRow b, TRow c);

    static abstract TRow operator +(TRow a, TRow b);
}

/// <summary>One vector.</summary>
internal unsafe struct Row1<V> : IRow<Row1<V>, V> where V : struct, IVector<V>
{
    private V x;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Row1<V> Load(float* source) => new() { x = V.Load(source) };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* destination, Row1<V> row) => V.Store(destination, row.x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Row1<V> MultiplyAdd(V a, Row1<V> b, Row1<V> c) => new() { x = V.MultiplyAdd(a, b.x, c.x) };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Row1<V> operator +(Row1<V> a, Row1<V> b) => new() { x = a.x + b.x };
}

/// <summary>Two vectors.</summary>
internal unsafe struct Row2<V> : IRow<Row2<V>, V> where V : struct, IVector<V>
{
    private V x, y;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Row2<V> Load(float* source) => new() { x = V.Load(source), y = V.Load(source + V.Count) };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* destination, Row2<V> row)
    {
        V.Store(destination, row.x);
        V.Store(destination + V.Count, row.y);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Row2<V> MultiplyAdd(V a, Row2<V> b, Row2<V> c) =>
        new() { x = V.MultiplyAdd(a, b.x, c.x), y = V.MultiplyAdd(a, b.y, c.y) };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Row2<V> operator +(Row2<V> a, Row2<V> b) => new() { x = a.x + b.x, y = a.y + b.y };
}

/// <summary>Three vectors.</summary>
internal unsafe struct Row3<V> : IRow<Row3<V>, V> where V : struct, IVector<V>
{
    private V x, y, z;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Row3<V> Load(float* source) =>
        new() { x = V.Load(source), y = V.Load(source + V.Count), z = V.Load(source + 2 * V.Count) };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* destination, Row3<V> row)
    {
        V.Store(destination, row.x);
        V.Store(destination + V.Count, row.y);
        V.Store(destination + 2 * V.Count, row.z);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Row3<V> MultiplyAdd(V a, Row3<V> b, Row3<V> c) =>
        new() { x = V.MultiplyAdd(a, b.x, c.x), y = V.MultiplyAdd(a, b.y, c.y), z = V.MultiplyAdd(a, b.z, c.z) };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Row3<V> operator +(Row3<V> a, Row3<V> b) => new() { x = a.x + b.x, y = a.y + b.y, z = a.z + b.z };
}
