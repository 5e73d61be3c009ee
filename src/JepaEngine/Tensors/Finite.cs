using System.Numerics;

namespace JepaEngine.Tensors;

/// <summary>Looks for NaN and infinity: the floats whose exponent bits are all set.</summary>
internal static unsafe class Finite
{
    /// <summary>Whether each element of a contiguous float tensor is finite.</summary>
    public static bool All(in Operand x) => All((byte*)x.Address, x.Count, x.DType);

    /// <summary>Whether each float that a layout reaches is finite, from its first element on; what it repeats is
    /// looked at once.</summary>
    public static bool All(byte* first, in Layout layout, DType dtype, int axis = 0)
    {
        if (layout.IsContiguous && axis == 0)
            return All(first, layout.Shape.Count, dtype);
        if (axis == layout.Shape.Rank)
            return All(first, 1, dtype);
        (long stride, int length) = (layout.Stride(axis), layout.Shape[axis]);
        if (stride == 1 && axis == layout.Shape.Rank - 1)
            return All(first, length, dtype);
        for (int i = 0; i < (stride == 0 ? 1 : length); i++)
            if (!All(first + i * stride * dtype.Size(), layout, dtype, axis + 1))
                return false;
        return true;
    }

    /// <summary>Whether each of so many floats side by side is finite.</summary>
    private static bool All(byte* bits, long count, DType dtype) => dtype switch
    {
        DType.F64 => All((ulong*)bits, count, 0x7FF0_0000_0000_0000ul),
        DType.F32 => All((uint*)bits, count, 0x7F80_0000u),
        DType.F16 => All((ushort*)bits, count, (ushort)0x7C00),
        _ => All((ushort*)bits, count, (ushort)0x7F80),
    };

    /// <summary>As bytes in the host's memory.</summary>
    public static bool All(ReadOnlySpan<byte> bytes, DType dtype)
    {
        fixed (byte* bits = bytes)
            return All(bits, bytes.Length / dtype.Size(), dtype);
    }

    private static bool All<T>(T* bits, long count, T exponent) where T : unmanaged, IBinaryInteger<T>
    {
        var all = new Vector<T>(exponent);
        long i = 0;
        for (; i <= count - Vector<T>.Count; i += Vector<T>.Count)
            if (Vector.EqualsAny(Vector.Load(bits + i) & all, all))
                return false;
        for (; i < count; i++)
            if ((bits[i] & exponent) == exponent)
                return false;
        return true;
    }
}
