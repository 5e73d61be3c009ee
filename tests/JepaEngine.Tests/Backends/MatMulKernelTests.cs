using JepaEngine.Backends;
using JepaEngine.Memory;
using JepaEngine.Primitives;

namespace JepaEngine.Tests.Backends;

/// <summary>The CPU's matrix product against loops in double, at sizes that fit no tile.</summary>
public sealed class MatMulKernelTests
{
    // The last ones are deep enough to be cut along K and large enough to be cut over threads; those from 17 rows on with larger weights go FewRows' way.
    private static readonly (int M, int N, int K)[] Sizes =
    [
        (0, 3, 3), (3, 0, 3), (3, 3, 0), (1, 1, 1), (2, 1, 5), (1, 7, 1), (3, 17, 5), (4, 16, 8), (5, 33, 9), (7, 64, 31), (8, 48, 16),
        (9, 49, 17), (13, 100, 40), (17, 95, 3), (33, 31, 129), (40, 112, 1600), (150, 161, 133), (311, 97, 101),
        (16, 40, 70), (17, 41, 71), (47, 101, 1401), (129, 301, 257),
    ];

    public static TheoryData<CpuIsa, int> Backends() => KernelData.Backends();

    [Theory]
    [MemberData(nameof(Backends))]
    public void Products_of_all_sizes_and_layouts(CpuIsa isa, int threads)
    {
        Backend backend = KernelData.Backend(isa, threads);
        foreach ((int m, int n, int k) in Sizes)
            for (int kind = 0; kind < 4; kind++)
            {
                using var scope = new TensorScope(Device.Cpu);
                Operand a = Matrix(scope, 1, m, k, (kind & 1) != 0, gap: 3), b = Matrix(scope, 2, k, n, (kind & 2) != 0, gap: 5);
                Operand c = Matrix(scope, 3, m, n, false, gap: 2);
                double around = KernelData.Surroundings(c);
                backend.MatMul(a, b, c, default);
                double tolerance = 2e-6 * Math.Sqrt(k + 10);
                KernelData.Near(Naive(a, b, 1, m, n, k), KernelData.Read(c), tolerance, $"{m} x {n} x {k}, transposes {kind}");
                Assert.Equal(around, KernelData.Surroundings(c));
            }
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void Every_step_of_the_epilogue(CpuIsa isa, int threads)
    {
        Backend backend = KernelData.Backend(isa, threads);
        foreach ((int m, int n, int k, bool weights) in
            new[] { (5, 3, 4, false), (9, 53, 20, false), (20, 40, 1600, false), (130, 160, 150, false), (19, 53, 1401, true) })
            foreach (Activation activation in Enum.GetValues<Activation>())
                for (int steps = 0; steps < 8; steps++)
                {
                    using var scope = new TensorScope(Device.Cpu);
                    Operand a = KernelData.Random(scope, 1, m, k), b = Matrix(scope, 2, k, n, weights, gap: 0);
                    Operand bias = KernelData.Random(scope, 4, n), multiplier = KernelData.Random(scope, 5, m, n);
                    Operand c = Matrix(scope, 6, m, n, false, gap: 7), derivative = Matrix(scope, 7, m, n, false, gap: 1);
                    double[] expected = Naive(a, b, 1, m, n, k);
                    var slopes = new double[expected.Length];
                    float[] offsets = KernelData.Read(bias), factors = KernelData.Read(multiplier), before = KernelData.Read(c);
                    for (int i = 0; i < expected.Length; i++)
                    {
                        double x = expected[i] + ((steps & 1) != 0 ? offsets[i % n] : 0);
                        (x, slopes[i]) = Activate(activation, x);
                        expected[i] = x * ((steps & 2) != 0 ? factors[i] : 1) + ((steps & 4) != 0 ? before[i] : 0);
                    }
                    backend.MatMul(a, b, c, new Epilogue
                    {
                        Bias = (steps & 1) != 0 ? bias : null,
                        Activation = activation,
                        Derivative = activation != Activation.None ? derivative : null,
                        Multiplier = (steps & 2) != 0 ? multiplier : null,
                        Residual = (steps & 4) != 0 ? c : null,
                    });
                    KernelData.Near(expected, KernelData.Read(c), 5e-5, $"{m} x {n} x {k}, {activation}, steps {steps}");
                    if (activation != Activation.None)
                        KernelData.Near(slopes, KernelData.Read(derivative), 5e-5, $"{m} x {n} x {k}, derivative of {activation}");
                }
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void A_batch_of_products(CpuIsa isa, int threads)
    {
        const int batch = 5, m = 11, n = 19, k = 23;
        using var scope = new TensorScope(Device.Cpu);
        Operand a = KernelData.Random(scope, 1, batch, m, k), b = KernelData.Random(scope, 2, batch, n, k);
        Operand c = KernelData.Random(scope, 3, batch, m, n);
        Operand turned = b with { Layout = b.Layout.Transpose(1, 2) };
        KernelData.Backend(isa, threads).MatMul(a, turned, c, default);
        KernelData.Near(Naive(a, turned, batch, m, n, k), KernelData.Read(c), 1e-5, "batch");
    }

    [Fact]
    public void Threads_do_not_change_a_bit()
    {
        foreach ((int m, int n, int k) in new[] { (500, 97, 131), (64, 96, 4352), (256, 256, 256), (99, 300, 301) })
            for (int kind = 0; kind < 4; kind++)
            {
                using var scope = new TensorScope(Device.Cpu);
                Operand a = Matrix(scope, 1, m, k, (kind & 1) != 0, gap: 0), b = Matrix(scope, 2, k, n, (kind & 2) != 0, gap: 0);
                float[]? first = null;
                foreach (int threads in new[] { 1, 2, 3 })
                {
                    Operand c = KernelData.Random(scope, 3, m, n);
                    KernelData.Backend(CpuIsa.Auto, threads).MatMul(a, b, c, default);
                    Assert.Equal(first ??= KernelData.Read(c), KernelData.Read(c));
                }
            }
    }

    [Fact]
    public void A_row_does_not_depend_on_how_many_there_are()
    {
        const int n = 1101, k = 1303;
        using var scope = new TensorScope(Device.Cpu);
        Operand b = Matrix(scope, 2, k, n, true, gap: 1);
        float[] all = Rows(scope, 600, b, threads: 1);
        foreach (int threads in new[] { 1, 3, 4 })
            foreach (int m in new[] { 1, 16, 17, 47, 256, 511, 512, 513, 600 })
                Assert.True(all.AsSpan(0, m * n).SequenceEqual(Rows(scope, m, b, threads)), $"{m} rows on {threads} threads");
    }

    private static float[] Rows(TensorScope scope, int m, in Operand b, int threads)
    {
        Operand a = Matrix(scope, 1, m, b.Shape[0], false, gap: 0), c = KernelData.Random(scope, 3, m, b.Shape[1]);
        KernelData.Backend(CpuIsa.Auto, threads).MatMul(a, b, c, default);
        return KernelData.Read(c);
    }

    private static Operand Matrix(TensorScope scope, int seed, int rows, int columns, bool transposed, int gap)
    {
        Layout layout = transposed
            ? new Layout([rows, columns], [1, rows + gap], 0)
            : new Layout([rows, columns], [columns + gap, 1], 0);
        return KernelData.Random(scope, seed, layout);
    }

    private static double[] Naive(in Operand a, in Operand b, int batch, int m, int n, int k)
    {
        float[] x = KernelData.Read(a), y = KernelData.Read(b);
        var result = new double[batch * m * n];
        for (int p = 0; p < batch; p++)
            for (int i = 0; i < m; i++)
                for (int l = 0; l < k; l++)
                    for (int j = 0; j < n; j++)
                        result[(p * m + i) * n + j] += (double)x[(p * m + i) * k + l] * y[(p * k + l) * n + j];
        return result;
    }

    private static (double Value, double Slope) Activate(Activation activation, double x) => activation switch
    {
        Activation.Silu => (x / (1 + Math.Exp(-x)), (1 + x * (1 - 1 / (1 + Math.Exp(-x)))) / (1 + Math.Exp(-x))),
        Activation.Gelu => (x * Normal(x), Normal(x) + x * Math.Exp(-x * x / 2) / Math.Sqrt(2 * Math.PI)),
        _ => (x, 1),
    };

    /// <summary>The normal distribution function by its series; for |x| up to 6 or so, beyond it is 0 or 1.</summary>
    private static double Normal(double x)
    {
        if (Math.Abs(x) > 6)
            return x > 0 ? 1 : 0;
        double term = x, sum = x;
        for (int i = 1; i < 200; i++)
        {
            term *= x * x / (2 * i + 1);
            sum += term;
        }
        return 0.5 + sum * Math.Exp(-x * x / 2) / Math.Sqrt(2 * Math.PI);
    }
}
