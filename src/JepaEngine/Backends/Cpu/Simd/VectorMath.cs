using System.Runtime.CompilerServices;

namespace JepaEngine.Backends.Cpu.Simd;

/// <summary>
/// Functions of a vector, without branches or tables. Coefficients are minimax fits (Lawson's iteration, rounded to f32); the errors named
/// here are measured by VectorMathTests against double. A NaN stays one: bounds are the first operand of Min and Max, which
/// return the second.
/// </summary>
internal static class VectorMath
{
    /// <summary>e^x, relative error below 9e-8 (1 ulp); 0 below −104, infinity above 88.73, e^most above
    /// that.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Exp<V>(V x, float most = 89) where V : struct, IVector<V>
    {
        x = V.Max(V.Create(-104f), V.Min(V.Create(most), x));
        V n = V.Round(x * V.Create(1.44269502f));
        // ln 2 in two parts, as the product with the first is exact to the last bit of r only by the fused multiply-add.
        V r = V.MultiplyAdd(n, V.Create(-0.693147182f), x);
        r = V.MultiplyAdd(n, V.Create(1.90465421e-9f), r);
        V p = V.MultiplyAdd(V.Create(1.39504881e-3f), r, V.Create(8.3688898e-3f));
        p = V.MultiplyAdd(p, r, V.Create(4.1666206e-2f));
        p = V.MultiplyAdd(p, r, V.Create(0.166665182f));
        p = V.MultiplyAdd(p, r, V.Create(0.5f));
        p = V.MultiplyAdd(p * r, r, r) + V.Create(1f);
        return V.Scale(p, n);
    }

    /// <summary>x Φ(x); absolute error below 1e-7 + 6e-8 |x|.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Gelu<V>(V x) where V : struct, IVector<V>
    {
        V a = V.Min(V.Create(GeluLimit), V.Abs(x));
        return V.Max(V.Zero, x) - a * Tail(a);
    }

    /// <summary>x Φ(x), and its derivative Φ(x) + x φ(x) with an absolute error below 3e-7.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Gelu<V>(V x, out V derivative) where V : struct, IVector<V>
    {
        V a = V.Min(V.Create(GeluLimit), V.Abs(x));
        V tail = Tail(a);
        // The derivative at −a is Φ(−a) (1 − a φ(a)/Φ(−a)), of which the second factor is a polynomial; at a it is one less that.
        V q = V.MultiplyAdd(V.Create(1.28100748e-6f), a, V.Create(-2.69727425e-5f));
        q = V.MultiplyAdd(q, a, V.Create(2.21915121e-4f));
        q = V.MultiplyAdd(q, a, V.Create(-7.81891635e-4f));
        q = V.MultiplyAdd(q, a, V.Create(-5.80366643e-4f));
        q = V.MultiplyAdd(q, a, V.Create(1.97764523e-2f));
        q = V.MultiplyAdd(q, a, V.Create(-0.109297827f));
        q = V.MultiplyAdd(q, a, V.Create(-0.63655889f));
        q = V.MultiplyAdd(q, a, V.Create(-0.797888756f));
        q = V.MultiplyAdd(q, a, V.Create(1f)) * tail;
        derivative = V.IfLess(x, V.Zero, q, V.Create(1f) - q);
        return V.Max(V.Zero, x) - a * tail;
    }

    /// <summary>Φ(−13) is 6e-39: from here on the GELU is 0 or x.</summary>
    private const float GeluLimit = 13;

    /// <summary>
    /// Φ(−a) for a in 0..13 as 2^P(a): the logarithm of Φ is so nearly a parabola that one polynomial and no exp(−a²/2) suffices,
    /// and the relative error stays small far into the tail.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Tail<V>(V a) where V : struct, IVector<V>
    {
        V p = V.MultiplyAdd(V.Create(-5.64674735e-7f), a, V.Create(9.78940534e-6f));
        p = V.MultiplyAdd(p, a, V.Create(-3.33893404e-5f));
        p = V.MultiplyAdd(p, a, V.Create(-5.36249951e-4f));
        p = V.MultiplyAdd(p, a, V.Create(7.62311136e-3f));
        p = V.MultiplyAdd(p, a, V.Create(-5.29054776e-2f));
        p = V.MultiplyAdd(p, a, V.Create(-0.459070146f));
        p = V.MultiplyAdd(p, a, V.Create(-1.15112019f));
        p = V.MultiplyAdd(p, a, V.Create(-1f));
        return Exp2(p);
    }

    /// <summary>2^x for x in −160..127; relative error below 2e-7.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Exp2<V>(V x) where V : struct, IVector<V>
    {
        V n = V.Round(x), r = x - n;
        V e = V.MultiplyAdd(V.Create(1.32647261e-3f), r, V.Create(9.67151299e-3f));
        e = V.MultiplyAdd(e, r, V.Create(5.55073358e-2f));
        e = V.MultiplyAdd(e, r, V.Create(0.240222424f));
        e = V.MultiplyAdd(e, r, V.Create(0.693147004f));
        e = V.MultiplyAdd(e, r, V.Create(1f));
        return V.Scale(e, n);
    }

    /// <summary>x / (1 + e^−x); relative error below 2e-7.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Silu<V>(V x) where V : struct, IVector<V> => x / (V.Create(1f) + Exp(V.Zero - x));

    /// <summary>x σ(x), and its derivative σ(x) (1 + x (1 − σ(x))) with an absolute error below 2.5e-7.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Silu<V>(V x, out V derivative) where V : struct, IVector<V>
    {
        V one = V.Create(1f), e = Exp(V.Zero - x), divisor = one + e, sigmoid = one / divisor;
        // e σ(x) is 1 − σ(x) without its cancellation; the bound keeps an infinite e times 0 from being a NaN.
        derivative = sigmoid * V.MultiplyAdd(x, V.Min(V.Create(1e37f), e) * sigmoid, one);
        return x / divisor;
    }

    /// <summary>sin x and cos x; absolute error below 1.5e-7 for |x| up to 10 000.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SinCos<V>(V x, out V sin, out V cos) where V : struct, IVector<V>
    {
        V n = V.Round(x * V.Create(0.318309873f));
        V r = V.MultiplyAdd(n, V.Create(-3.14159274f), x);
        r = V.MultiplyAdd(n, V.Create(8.74227766e-8f), r);
        r = V.MultiplyAdd(n, V.Create(3.43024902e-15f), r);
        // An odd multiple of π turns both signs: n/2 is then half an integer.
        V half = n * V.Create(0.5f);
        V sign = V.MultiplyAdd(V.Create(-4f), V.Abs(half - V.Round(half)), V.Create(1f));
        V t = r * r;
        V s = V.MultiplyAdd(V.Create(2.59990293e-6f), t, V.Create(-1.98065463e-4f));
        s = V.MultiplyAdd(s, t, V.Create(8.33301619e-3f));
        s = V.MultiplyAdd(s, t, V.Create(-0.166666567f));
        V c = V.MultiplyAdd(V.Create(-2.61924811e-7f), t, V.Create(2.47692406e-5f));
        c = V.MultiplyAdd(c, t, V.Create(-1.38885679e-3f));
        c = V.MultiplyAdd(c, t, V.Create(4.16666567e-2f));
        c = V.MultiplyAdd(c, t, V.Create(-0.5f));
        sin = V.MultiplyAdd(s * t, r, r) * sign;
        cos = V.MultiplyAdd(c, t, V.Create(1f)) * sign;
    }
}
