using JepaEngine.Backends;
using JepaEngine.Backends.Reference;
using JepaEngine.Memory;
using JepaEngine.Primitives;

namespace JepaEngine.Tests.Backends;

/// <summary>The oracle against numbers that are derived by hand, written out with the formula, or published.</summary>
public sealed class ReferenceBackendTests : IDisposable
{
    private readonly TensorScope scope = new(Device.Reference, "test");
    private readonly Backend backend = Device.Reference.Backend;

    public void Dispose() => scope.Dispose();

    [Theory]
    // Abramowitz and Stegun, table 7.1, and erfc far out (DLMF 7.12 to 16 digits).
    [InlineData(0.0, 1.0)]
    [InlineData(0.25, 1 - 0.2763263901682369)]
    [InlineData(0.5, 1 - 0.5204998778130465)]
    [InlineData(1.0, 0.15729920705028513)]
    [InlineData(-1.0, 1.8427007929497148)]
    [InlineData(2.0, 0.004677734981047266)]
    [InlineData(3.0, 2.209049699858544e-05)]
    [InlineData(5.0, 1.5374597944280349e-12)]
    [InlineData(10.0, 2.088487583762545e-45)]
    [InlineData(26.0, 5.663192408856143e-296)]
    public void Erfc_is_exact_to_a_few_units_in_the_last_place(double x, double expected) =>
        Assert.Equal(1, ErrorFunction.Erfc(x) / expected, 4e-16);

    [Fact]
    public void Erfc_agrees_with_the_power_series_everywhere()
    {
        for (double x = -3; x <= 3; x += 0.01)
        {
            // DLMF 7.6.2: all terms of one sign, so nothing cancels.
            double term = x, sum = x;
            for (int n = 1; n < 80; n++)
                sum += term *= 2 * x * x / (2 * n + 1);
            double erf = 2 / Math.Sqrt(Math.PI) * Math.Exp(-x * x) * sum;
            Assert.Equal(1 - erf, ErrorFunction.Erfc(x), 2e-15);
        }
    }

    [Fact]
    public void Erfc_of_the_infinities_and_of_nan()
    {
        Assert.Equal(0, ErrorFunction.Erfc(double.PositiveInfinity));
        Assert.Equal(2, ErrorFunction.Erfc(double.NegativeInfinity));
        Assert.True(double.IsNaN(ErrorFunction.Erfc(double.NaN)));
    }

    [Theory]
    [InlineData(UnaryOp.Gelu, 1, 0.8413447460685429, 1.0833154705876864)]
    [InlineData(UnaryOp.Gelu, -1, -0.15865525393145707, -0.08331547058768634)]
    [InlineData(UnaryOp.Gelu, 0, 0, 0.5)]
    [InlineData(UnaryOp.Silu, 1, 0.7310585786300049, 0.9276705118714867)]
    [InlineData(UnaryOp.Silu, 0, 0, 0.5)]
    [InlineData(UnaryOp.Relu, -2, 0, 0)]
    [InlineData(UnaryOp.Relu, 2, 2, 1)]
    [InlineData(UnaryOp.Square, -3, 9, -6)]
    [InlineData(UnaryOp.Sqrt, 4, 2, 0.25)]
    [InlineData(UnaryOp.Abs, -2, 2, -1)]
    [InlineData(UnaryOp.Exp, 1, Math.E, Math.E)]
    public void Functions_of_one_number(UnaryOp op, double x, double value, double derivative)
    {
        Operand from = Of([1], x), to = Of([1]), upstream = Of([1], 3);
        backend.Unary(op, from, to);
        Close([value], to);
        backend.UnaryGrad(op, from, upstream, to);
        Close([3 * derivative], to);
    }

    [Fact]
    public void MatMul_runs_its_epilogue_in_order()
    {
        Operand a = Of([2, 2], 1, 2, 3, 4), b = Of([2, 2], 5, 6, 7, 8), bias = Of([2], -19, 2), residual = Of([2, 2], 1, 1, 1, 1);
        Operand multiplier = Of([2, 2], 10, 20, 30, 40), derivative = Of([2, 2]), dst = Of([2, 2]);
        backend.MatMul(a, b, dst, new Epilogue());
        Close([19, 22, 43, 50], dst);
        backend.MatMul(a, Transposed(b), dst, new Epilogue());
        Close([17, 23, 39, 53], dst);
        backend.MatMul(a, b, dst, new Epilogue
        {
            Bias = bias, Activation = Activation.Gelu, Derivative = derivative, Multiplier = multiplier, Residual = residual,
        });
        // The activation's input is [0, 24; 24, 52], where gelu is the identity except at 0.
        Close([1, 24 * 20 + 1, 24 * 30 + 1, 52 * 40 + 1], dst);
        Close([0.5, 1, 1, 1], derivative);
        backend.MatMul(a, b, dst, new Epilogue { Residual = dst });
        Close([20, 24 * 20 + 23, 24 * 30 + 44, 52 * 40 + 51], dst);
    }

    [Fact]
    public void MatMul_takes_a_batch()
    {
        Operand a = Of([2, 1, 2], 1, 2, 3, 4), b = Of([2, 2, 1], 5, 6, 7, 8), dst = Of([2, 1, 1]);
        backend.MatMul(a, b, dst, new Epilogue());
        Close([17, 53], dst);
    }

    [Fact]
    public void PatchEmbed_and_its_gradients()
    {
        // A 2 × 4 image of one channel in patches of 2: patch 0 is [1 2; 5 6], patch 1 is [3 4; 7 8].
        Operand pixels = Of([1, 1, 1, 2, 4], 1, 2, 3, 4, 5, 6, 7, 8), weight = Of([1, 1, 1, 2, 2], 1, 10, 100, 1000), bias = Of([1], 0.5);
        Operand dst = Of([1, 2, 1]), dy = Of([1, 2, 1], 1, 2), dweight = Of([1, 1, 1, 2, 2], 1, 1, 1, 1), dpixels = Of([1, 1, 1, 2, 4]);
        backend.PatchEmbed(pixels, null, null, weight, bias, dst);
        Close([6521.5, 8743.5], dst);
        backend.PatchEmbed(pixels, new PixelTransform([2], [1]), null, weight, bias, dst);
        Close([2 * 6521 + 1111.5, 2 * 8743 + 1111.5], dst);
        backend.PatchEmbedWeightGrad(pixels, null, null, dy, dweight, accumulate: true);
        Close([1 + 1 + 6, 1 + 2 + 8, 1 + 5 + 14, 1 + 6 + 16], dweight);
        backend.PatchEmbedPixelsGrad(dy, weight, dpixels);
        Close([1, 10, 2, 20, 100, 1000, 200, 2000], dpixels);
    }

    [Fact]
    public void PatchEmbed_of_clips_sees_what_is_visible()
    {
        // Two clips of four frames of 1 × 2 pixels, in tubelets of two frames of one pixel: patches (frames 0, 1), (frames 2, 3), left pixel first.
        Operand pixels = Of([2, 1, 4, 1, 2], 1, 2, 3, 4, 5, 6, 7, 8, 10, 20, 30, 40, 50, 60, 70, 80), weight = Of([1, 1, 2, 1, 1], 1, 100);
        Operand dst = Of([2, 4, 1]), some = Of([2, 2, 1]), dweight = Of([1, 1, 2, 1, 1]), visible = new(scope.Rent(32), DType.I64, new Layout([4]));
        backend.PatchEmbed(pixels, null, null, weight, Of([1], 0), dst);
        Close([301, 402, 705, 806, 3010, 4020, 7050, 8060], dst);
        backend.Copy(Of([4], 2, 2, 4, 7), visible);
        backend.PatchEmbed(pixels, null, visible, weight, Of([1], 0), some);
        Close([705, 705, 3010, 8060], some);
        backend.PatchEmbedWeightGrad(pixels, null, visible, Of([2, 2, 1], 1, 2, 3, 4), dweight, accumulate: false);
        Close([5 + 10 + 30 + 240, 7 + 14 + 90 + 320], dweight);
    }

    [Fact]
    public void PatchEmbed_reads_bytes()
    {
        Operand pixels = new(scope.Rent(4), DType.U8, new Layout([1, 1, 1, 2, 2])), weight = Of([1, 1, 1, 2, 2], 1, 10, 100, 1000);
        Operand dst = Of([1, 1, 1]);
        backend.Copy(Of([1, 1, 1, 2, 2], 255, 0, 127, 1), pixels);
        backend.PatchEmbed(pixels, null, null, weight, Of([1], 0), dst);
        Close([255 + 12700 + 1000], dst);
    }

    [Fact]
    public void Attention_is_softmax()
    {
        // One query against keys 0 and ln 3: weights 1/4 and 3/4.
        double ln3 = Math.Log(3);
        Operand q = Of([1, 1, 1, 1], 2), k = Of([1, 2, 1, 1], 0, ln3), v = Of([1, 2, 1, 1], 8, 16);
        Operand y = Of([1, 1, 1, 1]), lse = Of([1, 1, 1]);
        backend.Attention(q, k, v, 0.5, causalBlock: 0, y, lse);
        Close([14], y);
        Close([Math.Log(4)], lse);
        // dP = [8, 16], dS = P (dP − 14) = [−1.5, 1.5]; dq = 0.5 · 1.5 ln 3, dk = 0.5 · 2 · dS, dv = P.
        Operand dq = Of([1, 1, 1, 1]), dk = Of([1, 2, 1, 1]), dv = Of([1, 2, 1, 1]);
        backend.AttentionGrad(q, k, v, y, lse, Of([1, 1, 1, 1], 1), 0.5, causalBlock: 0, dq, dk, dv);
        Close([0.75 * ln3], dq);
        Close([-1.5, 1.5], dk);
        Close([0.25, 0.75], dv);
    }

    [Fact]
    public void Causal_attention_aligns_the_last_query_with_the_last_key()
    {
        // Equal keys, so each query takes the mean of the values it sees: two of three, then all three.
        Operand q = Of([1, 2, 1, 1], 1, 1), k = Of([1, 3, 1, 1], 0, 0, 0), v = Of([1, 3, 1, 1], 3, 5, 10);
        Operand y = Of([1, 2, 1, 1]), lse = Of([1, 1, 2]);
        backend.Attention(q, k, v, 1, causalBlock: 1, y, lse);
        Close([4, 6], y);
        Close([Math.Log(2), Math.Log(3)], lse);
    }

    [Fact]
    public void A_query_sees_its_whole_block_of_tokens_and_those_before()
    {
        // Blocks {0, 1}, {2, 3} and {4}; the queries stand at 2, 3 and 4 and see 4, 4 and 5 equal keys.
        Operand q = Of([1, 3, 1, 1], 1, 1, 1), k = Of([1, 5, 1, 1], 0, 0, 0, 0, 0), v = Of([1, 5, 1, 1], 1, 3, 5, 7, 14);
        Operand y = Of([1, 3, 1, 1]), lse = Of([1, 1, 3]);
        backend.Attention(q, k, v, 1, causalBlock: 2, y, lse);
        Close([4, 4, 6], y);
        Close([Math.Log(4), Math.Log(4), Math.Log(5)], lse);
    }

    [Fact]
    public void LayerNorm_of_a_known_row()
    {
        // Mean 2, variance 1; eps 3 makes rstd 1/2.
        Operand x = Of([1, 2], 1, 3), weight = Of([2], 4, 6), bias = Of([2], 1, 1), y = Of([1, 2]), mean = Of([1]), rstd = Of([1]);
        backend.LayerNorm(x, weight, bias, 3, y, mean, rstd);
        Close([-1, 4], y);
        Close([2], mean);
        Close([0.5], rstd);
        // x̂ = [−½, ½], g = dy w = [4, 12], mean g = 8, mean g x̂ = 2: dx = ½ [4 − 8 + 1, 12 − 8 − 1], added to 10.
        Operand dx = Of([1, 2], 10, 10), dweight = Of([2]), dbias = Of([2]);
        backend.LayerNormGrad(x, weight, mean, rstd, Of([1, 2], 1, 2), dx, accumulate: true, dweight, dbias);
        Close([10 - 1.5, 10 + 1.5], dx);
        Close([-0.5, 1], dweight);
        Close([1, 2], dbias);
    }

    [Fact]
    public void AdaLayerNorm_of_a_known_row()
    {
        // The row of LayerNorm's test with scale = weight − 1 and shift = bias.
        Operand x = Of([1, 2], 1, 3), shift = Of([1, 2], 1, 1), scale = Of([1, 2], 3, 5), y = Of([1, 2]), mean = Of([1]), rstd = Of([1]);
        backend.AdaLayerNorm(x, shift, scale, 3, y, mean, rstd);
        Close([-1, 4], y);
        Operand dx = Of([1, 2]), dshift = Of([1, 2]), dscale = Of([1, 2]);
        backend.AdaLayerNormGrad(x, scale, mean, rstd, Of([1, 2], 1, 2), dx, accumulate: false, dshift, dscale);
        Close([-1.5, 1.5], dx);
        Close([1, 2], dshift);
        Close([-0.5, 1], dscale);
    }

    [Fact]
    public void BatchNorm_moves_its_running_statistics()
    {
        // As LayerNorm's row, standing: biased variance 1, unbiased 2.
        Operand x = Of([2, 1], 1, 3), weight = Of([1], 4), bias = Of([1], 1), y = Of([2, 1]), mean = Of([1]), rstd = Of([1]);
        Operand runningMean = Of([1], 10), runningVariance = Of([1], 1);
        backend.BatchNorm(x, weight, bias, runningMean, runningVariance, 0.25, 3, y, mean, rstd);
        Close([-1, 3], y);
        Close([0.75 * 10 + 0.25 * 2], runningMean);
        Close([0.75 + 0.25 * 2], runningVariance);
        // mean dy = 1½, mean dy x̂ = ¼: dx = 4 · ½ [1 − 1½ + ⅛, 2 − 1½ − ⅛].
        Operand dx = Of([2, 1]), dweight = Of([1]), dbias = Of([1]);
        backend.BatchNormGrad(x, weight, mean, rstd, Of([2, 1], 1, 2), dx, dweight, dbias);
        Close([-0.75, 0.75], dx);
        Close([0.5], dweight);
        Close([3], dbias);
        backend.BatchNormInference(x, weight, bias, Of([1], 1), Of([1], 1), 3, y);
        Close([1, 5], y);
    }

    [Fact]
    public void Sum_keeps_the_dimensions_that_the_destination_keeps()
    {
        Operand x = Of([2, 3], 1, 2, 3, 4, 5, 6), rows = Of([2, 1]), columns = Of([1, 3]), all = Of([1, 1]);
        backend.Sum(x, 1, rows);
        Close([6, 15], rows);
        backend.Sum(x, 0.5, columns);
        Close([2.5, 3.5, 4.5], columns);
        backend.Sum(Transposed(x), 1, all);
        Close([21], all);
        Operand sum = Of([], 0);
        backend.SumOfSquares(x, sum);
        Close([91], sum);
    }

    [Fact]
    public void Binary_broadcasts_by_strides_of_zero()
    {
        Operand a = Of([2, 2], 1, 2, 3, 4), row = Of([2], 10, 20), dst = Of([2, 2]);
        backend.Binary(BinaryOp.Multiply, a, row with { Layout = row.Layout.Broadcast([2, 2]) }, dst);
        Close([10, 40, 30, 80], dst);
        backend.GatedAdd(a, dst, a, dst);
        Close([11, 82, 93, 324], dst);
        backend.Affine(Transposed(a), 2, 1, dst);
        Close([3, 7, 5, 9], dst);
    }

    [Fact]
    public void Embedding_gathers_and_its_gradient_scatters()
    {
        Operand table = Of([3, 2], 1, 2, 3, 4, 5, 6), ids = new(scope.Rent(12), DType.I32, new Layout([3])), dst = Of([3, 2]);
        backend.Copy(Of([3], 2, 0, 2), ids);
        backend.Embedding(table, ids, dst);
        Close([5, 6, 1, 2, 5, 6], dst);
        backend.EmbeddingGrad(Of([3, 2], 1, 2, 3, 4, 5, 6), ids, table);
        Close([3, 4, 0, 0, 6, 8], table);
    }

    [Theory]
    // d = [½, −3].
    [InlineData(LossKind.MeanSquared, (0.25 + 9) / 2, 0.5, -3)]
    [InlineData(LossKind.L1, 3.5 / 2, 0.5, -0.5)]
    [InlineData(LossKind.SmoothL1, (0.125 + 2.5) / 2, 0.25, -0.5)]
    public void Losses_and_their_gradients(LossKind kind, double loss, double grad0, double grad1)
    {
        Operand prediction = Of([1, 2], 1.5, 1), target = Of([1, 2], 1, 4), dst = Of([]), dprediction = Of([1, 2]);
        backend.Loss(kind, prediction, target, dst);
        Close([loss], dst);
        backend.LossGrad(kind, prediction, target, Of([], 2), dprediction);
        Close([2 * grad0, 2 * grad1], dprediction);
    }

    [Fact]
    public void NormalizeRows_divides_by_the_norm()
    {
        Operand x = Of([2, 2], 3, 4, 0, -2);
        backend.NormalizeRows(x);
        Close([0.6, 0.8, 0, -1], x);
    }

    [Fact]
    public void SigReg_of_published_samples()
    {
        // From the reference implementation of LeJEPA (17 knots), to all digits.
        Operand dst = Of([]);
        backend.SigReg(Of([1, 6, 1], -1.5, -0.5, 0, 0.25, 1, 2), 17, dst);
        Close([0.1575722333848502], dst);
        backend.SigReg(Of([1, 8, 1]), 17, dst);
        Close([3.2163806378533], dst, 1e-13);
        // The mean over two groups of one direction each.
        backend.SigReg(Of([2, 6, 1], -1.5, -0.5, 0, 0.25, 1, 2, -1.5, -0.5, 0, 0.25, 1, 2), 17, dst);
        Close([0.1575722333848502], dst);
    }

    [Fact]
    public void SigReg_gradient_is_its_slope()
    {
        double[] samples = [-1.5, -0.5, 0, 0.25, 1, 2];
        Operand du = Of([1, 6, 1]), low = Of([]), high = Of([]);
        backend.SigRegGrad(Of([1, 6, 1], samples), 17, Of([], 2), du);
        const double h = 1e-5;
        for (int i = 0; i < samples.Length; i++)
        {
            double x = samples[i];
            samples[i] = x - h;
            backend.SigReg(Of([1, 6, 1], samples), 17, low);
            samples[i] = x + h;
            backend.SigReg(Of([1, 6, 1], samples), 17, high);
            samples[i] = x;
            Assert.Equal(2 * (Values(high)[0] - Values(low)[0]) / (2 * h), Values(du)[i], 1e-9);
        }
    }

    [Fact]
    public void AdamW_two_steps_by_hand()
    {
        Operand p = Of([1], 1), g = Of([1], 4), m = Of([1]), v = Of([1]);
        AdamWStep step = AdamWStep.Of(1, 0.1, 0.5, 0.75, 0, 0.5, clipNorm: 1);
        // The gradient's norm is 2 - 1e-6, so that it is halved.
        double norm = 2 - 1e-6;
        // g = 2 after scaling; m = 1, v = 1; m̂ = 2, v̂ = 4: p = 1 − 0.05 − 0.1 · 2/2.
        backend.AdamW(new AdamWArena(p, g, m, v, Of([], norm * norm)), Numbers(step));
        Close([0.85], p);
        Close([1], m);
        Close([1], v);
        // g = 1: m = 1, v = 1; m̂ = 1/0.75, v̂ = 1/(1 − 0.5625).
        backend.AdamW(new AdamWArena(p, Of([1], 2), m, v, Of([], norm * norm)), Numbers(AdamWStep.Of(2, 0.1, 0.5, 0.75, 0, 0.5, clipNorm: 1)));
        // A norm that is not finite moves nothing.
        backend.AdamW(new AdamWArena(p, Of([1], 2), m, v, Of([], double.NaN)), Numbers(step));
        Close([0.85 * 0.95 - 0.1 / 0.75 * Math.Sqrt(0.4375)], p);
        backend.Ema(m, Of([1], 3), 0.75);
        Close([1.5], m);
    }

    [Fact]
    public void Random_numbers_are_those_of_Philox()
    {
        var key = new PhiloxKey(7, 3);
        Operand x = Of([5]), ones = Of([5], 1, 1, 1, 1, 1);
        backend.RandomNormal(x, key, 1, 2);
        Close([.. Enumerable.Range(0, 5).Select(i => 1 + 2 * Philox.Normal(key, (ulong)i))], x);
        backend.RandomUniform(x, key, -1, 1);
        Close([.. Enumerable.Range(0, 5).Select(i => -1 + 2.0 * Philox.Uniform(key, (ulong)i))], x);
        backend.Dropout(ones, 0.5, key, x);
        Close([.. Enumerable.Range(0, 5).Select(i => Philox.Uniform(key, (ulong)i) >= 0.5 ? 2.0 : 0)], x);
    }

    [Theory]
    [InlineData(DType.F64, -1.7, 300.7)]
    [InlineData(DType.F32, -1.7000000476837158, 300.70001220703125)]
    [InlineData(DType.F16, -1.7001953125, 300.75)]
    [InlineData(DType.BF16, -1.703125, 300)]
    [InlineData(DType.I64, -1, 300)]
    [InlineData(DType.I32, -1, 300)]
    [InlineData(DType.U8, 0, 255)]
    public void Copy_converts(DType dtype, double first, double second)
    {
        Operand x = Of([2], -1.7, 300.7), converted = new(scope.Rent(16), dtype, new Layout([2])), back = Of([2]);
        backend.Copy(x, converted);
        backend.Copy(converted, back);
        Close([first, second], back);
        backend.Fill(converted, 3);
        backend.Copy(converted, back);
        Close([3, 3], back);
    }

    [Fact]
    public void Copy_keeps_every_bit_of_long_integers()
    {
        Operand from = new(scope.Rent(8), DType.I64, new Layout([1])), to = new(scope.Rent(8), DType.I64, new Layout([1]));
        unsafe
        {
            *from.As<long>() = long.MaxValue - 1;
            backend.Copy(from, to);
            Assert.Equal(long.MaxValue - 1, *to.As<long>());
        }
    }

    /// <summary>A tensor with these values, or of zeros.</summary>
    private Operand Numbers(AdamWStep step)
    {
        Operand numbers = Of([AdamWStep.Length]);
        backend.Upload<AdamWStep>([step], numbers);
        return numbers;
    }

    private unsafe Operand Of(Shape shape, params ReadOnlySpan<double> values)
    {
        var operand = new Operand(scope.Rent(shape.Count * sizeof(double)), DType.F64, new Layout(shape));
        var elements = new Span<double>(operand.As<double>(), (int)shape.Count);
        elements.Clear();
        values.CopyTo(elements);
        return operand;
    }

    private static Operand Transposed(Operand x) => x with { Layout = x.Layout.Transpose(0, 1) };

    private static unsafe double[] Values(Operand x) => new ReadOnlySpan<double>(x.As<double>(), (int)x.Count).ToArray();

    private static void Close(double[] expected, Operand actual, double tolerance = 1e-14)
    {
        double[] values = Values(actual);
        Assert.Equal(expected.Length, values.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], values[i], tolerance * Math.Max(1, Math.Abs(expected[i])));
    }
}
