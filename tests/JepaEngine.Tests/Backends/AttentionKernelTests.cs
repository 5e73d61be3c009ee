using JepaEngine.Backends;
using JepaEngine.Memory;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Tests.Backends;

/// <summary>The CPU's attention and its gradient against loops in double.</summary>
public sealed class AttentionKernelTests
{
    // Head widths of real models, and sizes that end within a tile and within a block of keys or queries.
    private static readonly (int B, int Nq, int Nk, int H, int E, int Block)[] Sizes =
    [
        (1, 1, 1, 1, 1, 0), (2, 1, 17, 3, 32, 0), (2, 17, 17, 3, 32, 0), (1, 5, 9, 2, 24, 0), (1, 33, 21, 2, 7, 0),
        (1, 100, 257, 1, 64, 0), (1, 3, 600, 1, 80, 0), (1, 97, 193, 2, 88, 0), (1, 200, 530, 1, 16, 0),
        (2, 3, 3, 2, 8, 1), (1, 17, 17, 2, 33, 1), (1, 40, 250, 1, 24, 1), (1, 260, 260, 1, 40, 1), (1, 530, 530, 1, 8, 1),
        (1, 13, 13, 2, 24, 5), (1, 9, 21, 2, 32, 7), (1, 100, 100, 1, 80, 33), (1, 180, 360, 1, 88, 90), (1, 516, 774, 1, 64, 258),
    ];

    public static TheoryData<CpuIsa, int> Backends() => KernelData.Backends();

    [Theory]
    [MemberData(nameof(Backends))]
    public void Forward_and_gradient_at_all_sizes(CpuIsa isa, int threads)
    {
        foreach ((int b, int nq, int nk, int h, int e, int block) in Sizes)
        {
            string what = $"[{b}, {nq}, {h}, {e}] on {nk} keys{(block > 0 ? $", blocks of {block}" : "")}";
            using var scope = new TensorScope(Device.Cpu);
            Results results = Run(scope, KernelData.Backend(isa, threads), b, nq, nk, h, e, block);
            double[][] expected = Naive(results, block);
            KernelData.Near(expected[0], KernelData.Read(results.Y), 1e-5, what);
            KernelData.Near(expected[1], KernelData.Read(results.Lse), 1e-5, what + " lse");
            KernelData.Near(expected[2], KernelData.Read(results.DQ), 3e-5, what + " dq");
            KernelData.Near(expected[3], KernelData.Read(results.DK), 3e-5, what + " dk");
            KernelData.Near(expected[4], KernelData.Read(results.DV), 3e-5, what + " dv");
        }
    }

    [Theory]
    [InlineData(4, 257, 3, 64)]
    [InlineData(1, 700, 1, 64)]
    public void Threads_do_not_change_a_bit(int b, int n, int h, int e)
    {
        float[][]? first = null;
        foreach (int threads in new[] { 1, 2, 3 })
            {
                using var scope = new TensorScope(Device.Cpu);
                Results results = Run(scope, KernelData.Backend(CpuIsa.Auto, threads), b, n, n, h, e, block: 0);
                float[][] bits = [.. new[] { results.Y, results.Lse, results.DQ, results.DK, results.DV }.Select(x => KernelData.Read(x))];
                first ??= bits;
                for (int i = 0; i < bits.Length; i++)
                    Assert.Equal(first[i], bits[i]);
            }
    }

    [Fact]
    public void Large_scores_do_not_overflow()
    {
        using var scope = new TensorScope(Device.Cpu);
        Operand q = KernelData.Random(scope, 1, 1, 600, 1, 16), y = KernelData.Random(scope, 2, 1, 600, 1, 16);
        Operand lse = KernelData.Random(scope, 3, 1, 1, 600);
        KernelData.Backend(CpuIsa.Auto, 1).Attention(q, q, q, 1000, 0, y, lse);
        Assert.All(KernelData.Read(y), x => Assert.True(Math.Abs(x) <= 1));
        Assert.All(KernelData.Read(lse), x => Assert.True(float.IsFinite(x)));
    }

    /// <summary>Scores that are finite, however large, make weights; PyTorch 2.14 gives 120000 and 130000 for the
    /// first.</summary>
    [Theory]
    [InlineData(1e5f)]
    [InlineData(3e9f)]
    [InlineData(1e19f)]
    public void Scores_of_any_finite_size_make_weights(float size)
    {
        float[] tokens = [size, 1.1f * size, 1.2f * size, 1.3f * size];
        foreach (CpuIsa isa in new[] { CpuIsa.Auto, CpuIsa.Scalar })
        {
            using var scope = new TensorScope(Device.Cpu);
            Operand x = scope.FromRaw(tokens, [1, 2, 1, 2]).Operand, dy = scope.FromRaw([1f, 2, 3, 4], [1, 2, 1, 2]).Operand;
            Operand y = scope.Zeros([1, 2, 1, 2]).Operand, lse = scope.Zeros([1, 1, 2]).Operand;
            Operand dq = scope.Zeros([1, 2, 1, 2]).Operand, dk = scope.Zeros([1, 2, 1, 2]).Operand, dv = scope.Zeros([1, 2, 1, 2]).Operand;
            Backend backend = KernelData.Backend(isa, 1);
            double scale = 1 / Math.Sqrt(2);
            backend.Attention(x, x, x, scale, 0, y, lse);
            backend.AttentionGrad(x, x, x, y, lse, dy, scale, 0, dq, dk, dv);
            Assert.Equal([tokens[2], tokens[3], tokens[2], tokens[3]], KernelData.Read(y));
            // Both queries read the second token, and a change of scores changes nothing but by rounding.
            Assert.Equal([0, 0, 4, 6], KernelData.Read(dv));
            Assert.All(KernelData.Read(dq).Concat(KernelData.Read(dk)), number => Assert.InRange(Math.Abs(number / size / size), 0, 1e-5f));
        }
    }

    [Fact]
    public void A_score_that_is_no_number_gives_none()
    {
        using var scope = new TensorScope(Device.Cpu);
        Operand q = KernelData.Random(scope, 1, 1, 40, 1, 16), y = KernelData.Random(scope, 2, 1, 40, 1, 16);
        Operand lse = KernelData.Random(scope, 3, 1, 1, 40), dy = KernelData.Random(scope, 4, 1, 40, 1, 16);
        Operand k = KernelData.Random(scope, 5, 1, 40, 1, 16), v = KernelData.Random(scope, 6, 1, 40, 1, 16);
        unsafe
        {
            k.As<float>()[0] = float.NaN;
        }
        Backend backend = KernelData.Backend(CpuIsa.Auto, 1);
        backend.Attention(q, k, v, 0.25, 0, y, lse);
        Assert.All(KernelData.Read(y), number => Assert.True(float.IsNaN(number)));
        Operand dk = KernelData.Random(scope, 7, 1, 40, 1, 16), dv = KernelData.Random(scope, 8, 1, 40, 1, 16);
        backend.AttentionGrad(q, k, v, y, lse, dy, 0.25, 0, q, dk, dv);
        Assert.Contains(KernelData.Read(dv), float.IsNaN);
    }

    private sealed record Results(Operand Q, Operand K, Operand V, Operand Y, Operand Lse, Operand DY, Operand DQ, Operand DK, Operand DV);

    private static Results Run(TensorScope scope, Backend backend, int b, int nq, int nk, int h, int e, int block)
    {
        // k, v and their gradients are slices of packed tensors, as a model has them.
        Operand packed = KernelData.Random(scope, 2, b, nk, 2, h, e), dpacked = KernelData.Random(scope, 5, b, nk, 2, h, e);
        Operand y = KernelData.Random(scope, 6, b, nq, h, e), lse = KernelData.Random(scope, 7, b, h, nq);
        var results = new Results(KernelData.Random(scope, 1, b, nq, h, e), Half(packed, 0), Half(packed, 1), y, lse,
            KernelData.Random(scope, 3, b, nq, h, e), KernelData.Random(scope, 4, b, nq, h, e), Half(dpacked, 0), Half(dpacked, 1));
        double scale = 1.5 / Math.Sqrt(e);
        backend.Attention(results.Q, results.K, results.V, scale, block, y, lse);
        backend.AttentionGrad(results.Q, results.K, results.V, y, lse, results.DY, scale, block, results.DQ, results.DK, results.DV);
        return results;
    }

    /// <summary>[B, N, H, E] at an index of the third dimension of [B, N, 2, H, E].</summary>
    private static Operand Half(Operand packed, int index)
    {
        Layout layout = packed.Layout;
        Shape shape = packed.Shape;
        return packed with
        {
            Layout = new Layout([shape[0], shape[1], shape[3], shape[4]],
                [layout.Stride(0), layout.Stride(1), layout.Stride(3), layout.Stride(4)], layout.Offset + index * layout.Stride(2)),
        };
    }

    private static double[][] Naive(Results operands, int block)
    {
        Shape shape = operands.Q.Shape;
        int batch = shape[0], nq = shape[1], heads = shape[2], width = shape[3], nk = operands.K.Shape[1];
        double scale = 1.5 / Math.Sqrt(width);
        float[] q = KernelData.Read(operands.Q), k = KernelData.Read(operands.K);
        float[] v = KernelData.Read(operands.V), dy = KernelData.Read(operands.DY);
        double[] y = new double[q.Length], lse = new double[batch * heads * nq], dq = new double[q.Length];
        double[] dk = new double[k.Length], dv = new double[k.Length], p = new double[nk], dp = new double[nk];
        for (int b = 0; b < batch; b++)
            for (int h = 0; h < heads; h++)
                for (int i = 0; i < nq; i++)
                {
                    int seen = block == 0 ? nk : Math.Min(nk, ((i + nk - nq) / block + 1) * block), at = ((b * nq + i) * heads + h) * width;
                    int Row(int j) => ((b * nk + j) * heads + h) * width;
                    double sum = 0, mean = 0;
                    for (int j = 0; j < seen; j++)
                    {
                        double s = 0;
                        dp[j] = 0;
                        for (int e = 0; e < width; e++)
                        {
                            s += (double)q[at + e] * k[Row(j) + e];
                            dp[j] += (double)dy[at + e] * v[Row(j) + e];
                        }
                        sum += p[j] = Math.Exp(scale * s);
                    }
                    lse[(b * heads + h) * nq + i] = Math.Log(sum);
                    for (int j = 0; j < seen; j++)
                        mean += (p[j] /= sum) * dp[j];
                    for (int j = 0; j < seen; j++)
                    {
                        double ds = scale * p[j] * (dp[j] - mean);
                        for (int e = 0; e < width; e++)
                        {
                            y[at + e] += p[j] * v[Row(j) + e];
                            dq[at + e] += ds * k[Row(j) + e];
                            dk[Row(j) + e] += ds * q[at + e];
                            dv[Row(j) + e] += p[j] * dy[at + e];
                        }
                    }
                }
        return [y, lse, dq, dk, dv];
    }
}
