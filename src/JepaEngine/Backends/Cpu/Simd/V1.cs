using System.Runtime.CompilerServices;

namespace JepaEngine.Backends.Cpu.Simd;

/// <summary>One float: the path of a processor without wide vectors, and the simplest reading of every kernel.</summary>
internal readonly unsafe struct V1(float value) : IVector<V1>
{
    private readonly float value = value;

    public static int Count => 1;

    public static V1 Zero => default;

    public static V1 Create(float value) => new(value);

    public static V1 Load(float* source) => new(*source);

    public static void Store(float* destination, V1 value) => *destination = value.value;

    public static V1 LoadPartial(float* source, int count) => count > 0 ? new(*source) : default;

    public static void StorePartial(float* destination, V1 value, int count)
    {
        if (count > 0)
            *destination = value.value;
    }

    public static V1 LoadExchanged(float* row, nint i, nint left) => new(row[i ^ 1]);

    public static V1 operator +(V1 a, V1 b) => new(a.value + b.value);

    public static V1 operator -(V1 a, V1 b) => new(a.value - b.value);

    public static V1 operator *(V1 a, V1 b) => new(a.value * b.value);

    public static V1 operator /(V1 a, V1 b) => new(a.value / b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V1 MultiplyAdd(V1 a, V1 b, V1 c) => new(MathF.FusedMultiplyAdd(a.value, b.value, c.value));

    public static V1 Min(V1 a, V1 b) => new(a.value < b.value ? a.value : b.value);

    public static V1 Max(V1 a, V1 b) => new(a.value > b.value ? a.value : b.value);

    public static V1 Sqrt(V1 a) => new(MathF.Sqrt(a.value));

    public static V1 Abs(V1 a) => new(MathF.Abs(a.value));

    public static V1 Round(V1 a) => new(MathF.Round(a.value));

    public static V1 Scale(V1 a, V1 n) => new(MathF.ScaleB(a.value, (int)n.value));

    public static V1 IfLess(V1 a, V1 b, V1 yes, V1 no) => a.value < b.value ? yes : no;

    public static V1 CopySign(V1 magnitude, V1 sign) => new(MathF.CopySign(magnitude.value, sign.value));

    public static float Sum(V1 a) => a.value;

    public static float MaxLane(V1 a) => a.value;
}
