namespace JepaEngine.Primitives;

/// <summary>The type of one element of a tensor.</summary>
public enum DType
{
    /// <summary>32-bit IEEE float: what the CPU and the GPU's f32 tier compute in.</summary>
    F32,
    /// <summary>64-bit IEEE float: what the reference backend computes in.</summary>
    F64,
    /// <summary>16-bit brain float, a storage format on the CPU.</summary>
    BF16,
    /// <summary>16-bit IEEE float, a storage format on the CPU.</summary>
    F16,
    /// <summary>64-bit integer: indices.</summary>
    I64,
    /// <summary>32-bit integer: indices.</summary>
    I32,
    /// <summary>8-bit unsigned integer: pixels.</summary>
    U8,
}

/// <summary>Facts about a <see cref="DType"/>.</summary>
public static class DTypes
{
    /// <summary>Size of one element in bytes.</summary>
    public static int Size(this DType dtype) => dtype switch
    {
        DType.F64 or DType.I64 => 8,
        DType.F32 or DType.I32 => 4,
        DType.BF16 or DType.F16 => 2,
        DType.U8 => 1,
        _ => throw new ArgumentOutOfRangeException(nameof(dtype), dtype, "not a dtype"),
    };

    /// <summary>Whether elements are floats.</summary>
    public static bool IsFloat(this DType dtype) => dtype is DType.F32 or DType.F64 or DType.BF16 or DType.F16;

    /// <summary>The dtype that stores <typeparamref name="T"/>.</summary>
    /// <exception cref="NotSupportedException">No dtype stores <typeparamref name="T"/>.</exception>
    public static DType Of<T>() where T : unmanaged =>
        typeof(T) == typeof(float) ? DType.F32
        : typeof(T) == typeof(double) ? DType.F64
        : typeof(T) == typeof(BFloat16) ? DType.BF16
        : typeof(T) == typeof(Half) ? DType.F16
        : typeof(T) == typeof(long) ? DType.I64
        : typeof(T) == typeof(int) ? DType.I32
        : typeof(T) == typeof(byte) ? DType.U8
        : throw new NotSupportedException($"no tensor stores {typeof(T).Name}; use float, double, BFloat16, Half, long, int or byte");
}
