namespace JepaEngine.Backends.Cpu.Simd;

/// <summary>
/// A vector of floats of some width. A kernel is written once over <typeparamref name="V"/>; the runtime specialises it for each of
/// <see cref="V512"/>, <see cref="V256"/> and <see cref="V1"/>, and the backend chooses one when it is made.
/// </summary>
internal unsafe interface IVector<V> where V : struct, IVector<V>
{
    /// <summary>Number of floats: 16, 8 or 1.</summary>
    static abstract int Count { get; }

    static abstract V Zero { get; }

    /// <summary>The same number in each lane.</summary>
    static abstract V Create(float value);

    static abstract V Load(float* source);

    static abstract void Store(float* destination, V value);

    /// <summary>The first <paramref name="count"/> lanes from memory, 0 in the others; touches no memory beyond.</summary>
    static abstract V LoadPartial(float* source, int count);

    /// <summary>Stores the first <paramref name="count"/> lanes; touches no memory beyond.</summary>
    static abstract void StorePartial(float* destination, V value, int count);

    /// <summary>
    /// Elements i, i + 1, ... of a row with those of each pair (2k, 2k + 1) exchanged; 0 beyond the <paramref name="left"/> that are left of it.
    /// </summary>
    static abstract V LoadExchanged(float* row, nint i, nint left);

    static abstract V operator +(V a, V b);
    static abstract V operator -(V a, V b);
    static abstract V operator *(V a, V b);
    static abstract V operator /(V a, V b);

    /// <summary>a·b + c with one rounding.</summary>
    static abstract V MultiplyAdd(V a, V b, V c);

    static abstract V Min(V a, V b);
    static abstract V Max(V a, V b);
    static abstract V Sqrt(V a);
    static abstract V Abs(V a);

    /// <summary>To the nearest integer, ties to even.</summary>
    static abstract V Round(V a);

    /// <summary>a · 2^n for an integral n in −252..254; done in two steps, so that subnormal results are right.</summary>
    static abstract V Scale(V a, V n);

    /// <summary>Lane by lane: a &lt; b ? yes : no.</summary>
    static abstract V IfLess(V a, V b, V yes, V no);

    /// <summary>|magnitude| with the sign bit of <paramref name="sign"/>.</summary>
    static abstract V CopySign(V magnitude, V sign);

    /// <summary>The sum of the lanes, in a fixed order.</summary>
    static abstract float Sum(V a);

    /// <summary>The largest lane.</summary>
    static abstract float MaxLane(V a);
}
