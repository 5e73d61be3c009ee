using System.Runtime.CompilerServices;

namespace JepaEngine.Backends.Cpu.Gemm;

/// <summary>
/// A thread's working memory, aligned to 64 bytes and grown on demand. It belongs to the thread and not to the pool's worker because two
/// callers of one backend may both be worker 0; and it is a pinned array, so that it goes when the thread goes.
/// </summary>
internal static unsafe class Scratch
{
    private const int Alignment = 64;

    [ThreadStatic]
    private static float[]? block;

    /// <summary>This thread's memory, at least <paramref name="count"/> floats; the next call may move it.</summary>
    public static float* Of(nint count)
    {
        float[]? array = block;
        if (array == null || array.Length < count + Alignment / sizeof(float))
            block = array = GC.AllocateUninitializedArray<float>((int)count + Alignment / sizeof(float), pinned: true);
        nint address = (nint)Unsafe.AsPointer(ref array[0]);
        return (float*)((address + Alignment - 1) & -Alignment);
    }
}
