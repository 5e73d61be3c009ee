using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace JepaEngine.Backends.Cpu.Simd;

/// <summary>The last, partial vector of a row.</summary>
internal static unsafe class Tail
{
    private static ReadOnlySpan<float> Bounds =>
    [
        float.PositiveInfinity, float.PositiveInfinity, float.PositiveInfinity, float.PositiveInfinity,
        float.PositiveInfinity, float.PositiveInfinity, float.PositiveInfinity, float.PositiveInfinity,
        float.PositiveInfinity, float.PositiveInfinity, float.PositiveInfinity, float.PositiveInfinity,
        float.PositiveInfinity, float.PositiveInfinity, float.PositiveInfinity, float.PositiveInfinity,
        float.MinValue, float.MinValue, float.MinValue, float.MinValue, float.MinValue, float.MinValue, float.MinValue, float.MinValue,
        float.MinValue, float.MinValue, float.MinValue, float.MinValue, float.MinValue, float.MinValue, float.MinValue, float.MinValue,
    ];

    /// <summary>
    /// x with the least float after the first <paramref name="count"/> lanes; done in a register, as scalar stores before a vector load
    /// would stall it.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Mask<V>(V x, int count) where V : struct, IVector<V> =>
        V.Min(V.Load((float*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(Bounds)) + 16 - count), x);
}
