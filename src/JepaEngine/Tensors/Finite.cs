using System.Numerics;

namespace JepaEngine.IO;

/// <summary>Looks for NaN and infinity: the floats whose exponent bits are all set.</summary>
internal static unsafe class Finite
{
    /// <summary>Whether each element of a contiguous float tensor is finite.</summary>
    public static bool All(in Operand x) => x.DType switch
    {
        DType.F64 => All<ulong>((ulong*)x.Storage.Pointer, x.Count, 0x7FF0_0000_0000_0000),
        DType.F32 => All<uint>((uint*)x.Storage.Pointer, x.Count, 0x7F80_0000u),
        DType.F16 => All<ushort>((ushort*)x.Storage.Pointer, x.Count, 0x7C00),
        _ => All<ushort>((ushort*)x.Storage.Pointer, x.Count, 0x7F80),
    };

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
