using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace JepaEngine.Backends.Cpu.Simd;

/// <summary>16 floats: AVX-512.</summary>
internal readonly unsafe struct V512(Vector512<float> value) : IVector<V512>
{
    private readonly Vector512<float> value = value;

    /// <summary>All bits set in the first <paramref name="count"/> lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Lanes(int count) => Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(count)).AsSingle();

    public static int Count => 16;

    public static V512 Zero => new(Vector512<float>.Zero);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 Create(float value) => new(Vector512.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 Load(float* source) => new(Vector512.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* destination, V512 value) => value.value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 LoadPartial(float* source, int count) => new(Avx512F.MaskLoad(source, Lanes(count), Vector512<float>.Zero));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StorePartial(float* destination, V512 value, int count) => Avx512F.MaskStore(destination, Lanes(count), value.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 LoadExchanged(float* row, nint i, nint left) => new(Avx512F.Permute4x32(Simd.Lanes.Load<V512>(row + i, left).value, 0b10_11_00_01));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 operator +(V512 a, V512 b) => new(a.value + b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 operator -(V512 a, V512 b) => new(a.value - b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 operator *(V512 a, V512 b) => new(a.value * b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 operator /(V512 a, V512 b) => new(a.value / b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 MultiplyAdd(V512 a, V512 b, V512 c) => new(Vector512.FusedMultiplyAdd(a.value, b.value, c.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 Min(V512 a, V512 b) => new(Vector512.MinNative(a.value, b.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 Max(V512 a, V512 b) => new(Vector512.MaxNative(a.value, b.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 Sqrt(V512 a) => new(Vector512.Sqrt(a.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 Abs(V512 a) => new(Vector512.Abs(a.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 Round(V512 a) => new(Vector512.Round(a.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 IfLess(V512 a, V512 b, V512 yes, V512 no) =>
        new(Vector512.ConditionalSelect(Vector512.LessThan(a.value, b.value), yes.value, no.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 CopySign(V512 magnitude, V512 sign) => new(Vector512.CopySign(magnitude.value, sign.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(V512 a) => Vector512.Sum(a.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 Scale(V512 a, V512 n) => new(Avx512F.Scale(a.value, n.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MaxLane(V512 a) =>
        V256.MaxLane(new V256(Vector256.Max(a.value.GetLower(), a.value.GetUpper())));
}
