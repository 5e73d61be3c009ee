using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace JepaEngine.Backends.Cpu.Simd;

/// <summary>
/// Memory access for loops that take a vector a turn and end with a partial one: the test is always predicted, and the body stands once.
/// </summary>
internal static unsafe class Lanes
{
    private static ReadOnlySpan<float> OneEach => [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1];

    /// <summary>The next vector, or the <paramref name="left"/> numbers that are left and zeros.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Load<V>(float* source, nint left) where V : struct, IVector<V> =>
        left >= V.Count ? V.Load(source) : V.LoadPartial(source, (int)left);

    /// <summary>Stores the vector, or its first <paramref name="left"/> lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<V>(float* destination, V value, nint left) where V : struct, IVector<V>
    {
        if (left >= V.Count)
            V.Store(destination, value);
        else
            V.StorePartial(destination, value, (int)left);
    }

    /// <summary>The value with zeros beyond the <paramref name="left"/> lanes in use.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Keep<V>(V value, nint left) where V : struct, IVector<V>
    {
        if (left >= V.Count)
            return value;
        // The span lies in the assembly's data, which does not move.
        return value * V.LoadPartial((float*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(OneEach)), (int)left);
    }
}
