using JepaEngine.Backends.Cpu;
using JepaEngine.Backends.Cpu.Simd;
using JepaEngine.Primitives;

namespace JepaEngine.Tests.Backends;

/// <summary>Holds the errors that the comments of <see cref="VectorMath"/> name, on dense grids and for each vector width.</summary>
public unsafe class VectorMathTests(ITestOutputHelper output)
{
    private const int Points = 400_000;

    /// <summary>One function over an array; the second output takes the other result of those that have two.</summary>
    private interface IFunction
    {
        void Apply<V>(V x, out V first, out V second) where V : struct, IVector<V>;
    }

    private struct Exp : IFunction
    {
        public void Apply<V>(V x, out V first, out V second) where V : struct, IVector<V> => first = second = VectorMath.Exp(x);
    }

    private struct Exp2 : IFunction
    {
        public void Apply<V>(V x, out V first, out V second) where V : struct, IVector<V> => first = second = VectorMath.Exp2(x);
    }

    private struct Gelu : IFunction
    {
        public void Apply<V>(V x, out V first, out V second) where V : struct, IVector<V> => first = VectorMath.Gelu(x, out second);
    }

    private struct GeluAlone : IFunction
    {
        public void Apply<V>(V x, out V first, out V second) where V : struct, IVector<V> => first = second = VectorMath.Gelu(x);
    }

    private struct Silu : IFunction
    {
        public void Apply<V>(V x, out V first, out V second) where V : struct, IVector<V> => first = VectorMath.Silu(x, out second);
    }

    private struct SiluAlone : IFunction
    {
        public void Apply<V>(V x, out V first, out V second) where V : struct, IVector<V> => first = second = VectorMath.Silu(x);
    }

    private struct SinCos : IFunction
    {
        public void Apply<V>(V x, out V first, out V second) where V : struct, IVector<V> => VectorMath.SinCos(x, out first, out second);
    }

    private static void Apply<TFunction, V>(TFunction function, float[] x, float[] first, float[] second)
        where TFunction : struct, IFunction where V : struct, IVector<V>
    {
        fixed (float* from = x, to = first, also = second)
        {
            for (int i = 0; i < x.Length; i += V.Count)
            {
                int count = Math.Min(V.Count, x.Length - i);
                function.Apply(V.LoadPartial(from + i, count), out V a, out V b);
                V.StorePartial(to + i, a, count);
                V.StorePartial(also + i, b, count);
            }
        }
    }

    private static (float[] First, float[] Second) Apply<TFunction>(CpuIsa isa, float[] x) where TFunction : struct, IFunction
    {
        float[] first = new float[x.Length], second = new float[x.Length];
        switch (isa)
        {
            case CpuIsa.Avx512: Apply<TFunction, V512>(default, x, first, second); break;
            case CpuIsa.Avx2: Apply<TFunction, V256>(default, x, first, second); break;
            default: Apply<TFunction, V1>(default, x, first, second); break;
        }
        return (first, second);
    }

    private static float[] Grid(double low, double high)
    {
        float[] x = new float[Points + 1];
        for (int i = 0; i < x.Length; i++)
            x[i] = (float)(low + (high - low) * i / Points);
        return x;
    }

    /// <summary>The largest error in units of the one allowed for each element.</summary>
    private void Within(string name, float[] x, float[] actual, Func<double, double> expected, Func<double, double, double> allowed)
    {
        double worst = 0, at = 0, error = 0;
        for (int i = 0; i < x.Length; i++)
        {
            double e = Math.Abs(actual[i] - expected(x[i])), ratio = e / allowed(x[i], expected(x[i]));
            if (!(ratio <= worst))
                (worst, at, error) = (ratio, x[i], e);
        }
        output.WriteLine($"{name}: worst error {error:g3} at {at:g6}, {worst:f2} of the allowed");
        Assert.True(worst <= 1, $"{name}: error {error:g3} at {at:g6} is {worst:f2} times the allowed");
    }

    /// <summary>Φ(x) by the series (|x| below 3) or the continued fraction of Mills' ratio: both good to 1e-14.</summary>
    internal static double Phi(double x)
    {
        double density = Density(x);
        if (Math.Abs(x) < 3)
        {
            double term = x, sum = x;
            for (int n = 3; Math.Abs(term) > 1e-17; n += 2)
                sum += term *= x * x / n;
            return 0.5 + density * sum;
        }
        double fraction = Math.Abs(x);
        for (int n = 60; n > 0; n--)
            fraction = Math.Abs(x) + n / fraction;
        return x < 0 ? density / fraction : 1 - density / fraction;
    }

    private static double Density(double x) => Math.Exp(-x * x / 2) / Math.Sqrt(2 * Math.PI);

    public static TheoryData<CpuIsa> Isas() => [.. Enum.GetValues<CpuIsa>().Where(isa => isa != CpuIsa.Auto && isa <= CpuIsas.Best)];

    [Theory]
    [MemberData(nameof(Isas))]
    public void Errors_are_as_documented(CpuIsa isa)
    {
        float[] x = Grid(-87, 88.7);
        Within("exp", x, Apply<Exp>(isa, x).First, Math.Exp, (_, y) => 9e-8 * y);
        x = Grid(-103, -87);
        Within("exp, subnormal", x, Apply<Exp>(isa, x).First, Math.Exp, (_, y) => 9e-8 * y + 1.5e-45);

        x = Grid(-126, 127);
        Within("exp2", x, Apply<Exp2>(isa, x).First, v => Math.Pow(2, v), (_, y) => 2e-7 * y);
        x = Grid(-160, -126);
        Within("exp2, subnormal", x, Apply<Exp2>(isa, x).First, v => Math.Pow(2, v), (_, y) => 2e-7 * y + 1.5e-45);

        x = Grid(-20, 20);
        (float[] y, float[] derivative) = Apply<Gelu>(isa, x);
        Within("gelu", x, y, v => v * Phi(v), (v, _) => 1e-7 + 6e-8 * Math.Abs(v));
        Within("gelu'", x, derivative, v => Phi(v) + v * Density(v), (_, _) => 3e-7);
        Assert.Equal(y, Apply<GeluAlone>(isa, x).First);

        (y, derivative) = Apply<Silu>(isa, x);
        Within("silu", x, y, v => v / (1 + Math.Exp(-v)), (_, y) => 2e-7 * Math.Abs(y) + 1e-38);
        Within("silu'", x, derivative, v => 1 / (1 + Math.Exp(-v)) * (1 + v / (1 + Math.Exp(v))), (_, _) => 2.5e-7);
        Assert.Equal(y, Apply<SiluAlone>(isa, x).First);

        foreach (double range in new[] { 4, 100, 10_000 })
        {
            x = Grid(-range, range);
            (float[] sin, float[] cos) = Apply<SinCos>(isa, x);
            Within($"sin to {range}", x, sin, Math.Sin, (_, _) => 1.5e-7);
            Within($"cos to {range}", x, cos, Math.Cos, (_, _) => 1.5e-7);
        }
    }

    [Theory]
    [MemberData(nameof(Isas))]
    public void Limits(CpuIsa isa)
    {
        float infinity = float.PositiveInfinity;
        float[] x = [float.NaN, infinity, -infinity, 1000, -1000, 0];
        Assert.Equal([float.NaN, infinity, 0, infinity, 0, 1], Apply<Exp>(isa, x).First);
        (float[] y, float[] derivative) = Apply<Gelu>(isa, x);
        Assert.Equal([float.NaN, infinity, 0, 1000, 0, 0], y);
        Assert.Equal([float.NaN, 1, 0, 1, 0, 0.5f], derivative, (a, b) => a.Equals(b) || MathF.Abs(a - b) < 1e-6f);
        Assert.Equal([1000, 0, 0], Apply<Silu>(isa, x).First[3..]);
        Assert.Equal([1, 0, 0.5f], Apply<Silu>(isa, x).Second[3..]);
    }
}
