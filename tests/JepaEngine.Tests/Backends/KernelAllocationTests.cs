using System.Reflection;
using JepaEngine.Backends;
using JepaEngine.Memory;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Tests.Backends;

/// <summary>A kernel makes no garbage: a control loop must not stop for the collector.</summary>
public sealed class KernelAllocationTests : IDisposable
{
    private static readonly PixelTransform Transform = PixelTransform.Normalize([0.5f, 0.5f, 0.5f], [0.2f, 0.2f, 0.2f]);

    /// <summary>One thread, so that all parts run where the bytes are counted.</summary>
    private readonly TensorScope scope = new(Device.Cpu.With(threads: 1), "test");

    public static TheoryData<string> Operations => [.. typeof(Backend)
        .GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly)
        .Where(method => method.IsAbstract && !method.IsSpecialName).Select(method => method.Name)];

    public void Dispose() => scope.Dispose();

    [Theory, MemberData(nameof(Operations))]
    public void Allocates_nothing(string operation)
    {
        Backend backend = scope.Device.Backend;
        Action<Backend> call = Calls()[operation];
        // The first call grows the thread's scratch.
        Assert.Equal(0, Garbage.Least(() => call(backend)));
    }

    /// <summary>Every operation of a backend: [R, C] = [40, 30], [B, N, H, E] = [2, 9, 2, 8], pixels [2, 3, 2, 8, 8] in patches of 2 x 4.</summary>
    private Dictionary<string, Action<Backend>> Calls()
    {
        Operand T(params int[] shape) => scope.Full(new Shape(shape), 0.5).Operand;
        var key = new PhiloxKey(1);
        Operand x = T(40, 30), y = T(40, 30), z = T(40, 30), w = T(40, 30), v = T(40, 30);
        Operand transposed = T(30, 40) with { Layout = new Layout([30, 40]).Transpose(0, 1) };
        Operand perRow = T(40), perRow2 = T(40), c0 = T(30), c1 = T(30), c2 = T(30), c3 = T(30), c4 = T(30), c5 = T(30), c6 = T(30), scalar = T();
        Operand square = T(30, 30), broadcast = c0 with { Layout = c0.Layout.Broadcast([40, 30]) }, sum = T(1, 30);
        Operand pixels = T(2, 3, 2, 8, 8), kernel = T(5, 3, 2, 4, 4), kernelBias = T(5), tokens = T(2, 4, 5), seen = T(2, 1, 5);
        Operand visible = scope.FromRaw<long>([3, 4], [2]).Operand;
        Operand q = T(2, 9, 2, 8), k = T(2, 9, 2, 8), val = T(2, 9, 2, 8), att = T(2, 9, 2, 8), dq = T(2, 9, 2, 8), dk = T(2, 9, 2, 8), dv = T(2, 9, 2, 8);
        Operand lse = T(2, 2, 9), ids = scope.FromRaw<int>([3, 0, 39], [3]).Operand, rows = T(3, 30), u = T(2, 20, 30), du = T(2, 20, 30);
        Operand tokenIds = scope.FromRaw<long>([.. Enumerable.Range(0, 40).Select(i => (long)i * 7 % 40)], [40]).Operand;
        Operand cos = T(2, 9, 8), sin = T(2, 9, 8);
        Operand p = T(500), g = T(500), m1 = T(500), m2 = T(500), norm = scope.Full([], 4, DType.F64).Operand;
        Operand step = scope.Full([AdamWStep.Length], 0.5, DType.F64).Operand;
        return new()
        {
            ["Copy"] = b => b.Copy(transposed, y),
            ["Fill"] = b => b.Fill(transposed, 1),
            ["RandomNormal"] = b => b.RandomNormal(y, key, 0, 1),
            ["RandomUniform"] = b => b.RandomUniform(y, key, 0, 1),
            ["Dropout"] = b => b.Dropout(x, 0.5, key, y),
            ["MatMul"] = b => b.MatMul(x, square, y, new Epilogue { Bias = c0, Activation = Activation.Gelu, Derivative = z, Residual = w }),
            ["PatchEmbed"] = b => b.PatchEmbed(pixels, Transform, visible, kernel, kernelBias, seen),
            ["PatchEmbedWeightGrad"] = b => b.PatchEmbedWeightGrad(pixels, Transform, visible, seen, kernel, accumulate: true),
            ["PatchEmbedPixelsGrad"] = b => b.PatchEmbedPixelsGrad(tokens, kernel, pixels),
            ["Attention"] = b => b.Attention(q, k, val, 0.3, causalBlock: 1, att, lse, cos, sin),
            ["AttentionGrad"] = b => b.AttentionGrad(q, k, val, att, lse, att, 0.3, causalBlock: 1, dq, dk, dv, cos, sin),
            ["Rotary"] = b => b.Rotary(q, cos, sin, transposed: false, att),
            ["LayerNorm"] = b => b.LayerNorm(x, c0, c1, 1e-5, y, perRow, perRow2),
            ["LayerNormGrad"] = b => b.LayerNormGrad(x, c0, perRow, perRow2, y, z, accumulate: true, c1, c2),
            ["AdaLayerNorm"] = b => b.AdaLayerNorm(x, y, z, 1e-5, w, perRow, perRow2),
            ["AdaLayerNormGrad"] = b => b.AdaLayerNormGrad(x, y, perRow, perRow2, z, w, accumulate: false, v, transposed with { Layout = x.Layout }),
            ["BatchNorm"] = b => b.BatchNorm(x, c0, c1, c2, c3, 0.1, 1e-5, y, c4, c5),
            ["BatchNormInference"] = b => b.BatchNormInference(x, c0, c1, c2, c3, 1e-5, y),
            ["BatchNormGrad"] = b => b.BatchNormGrad(x, c0, c4, c5, y, z, c1, c6),
            ["Unary"] = b => b.Unary(UnaryOp.Gelu, x, y),
            ["UnaryGrad"] = b => b.UnaryGrad(UnaryOp.Silu, x, y, z),
            ["Binary"] = b => b.Binary(BinaryOp.Divide, transposed, broadcast, y),
            ["Affine"] = b => b.Affine(transposed, 2, 1, y),
            ["GatedAdd"] = b => b.GatedAdd(x, y, z, w),
            ["Sum"] = b => b.Sum(x, 1, sum),
            ["Embedding"] = b => b.Embedding(x, ids, rows),
            ["EmbeddingGrad"] = b => b.EmbeddingGrad(rows, ids, y),
            ["Loss"] = b => b.Loss(LossKind.SmoothL1, x, y, scalar),
            ["LossGrad"] = b => b.LossGrad(LossKind.L1, x, y, scalar, z),
            ["LatentLoss"] = b => b.LatentLoss(LossKind.SmoothL1, z, y, tokenIds, 1e-5, scalar, w),
            ["LatentLossGrad"] = b => b.LatentLossGrad(w, scalar, v),
            ["NormalizeRows"] = b => b.NormalizeRows(x),
            ["SigReg"] = b => b.SigReg(u, 17, scalar),
            ["SigRegGrad"] = b => b.SigRegGrad(u, 17, scalar, du),
            ["AdamW"] = b => b.AdamW(new AdamWArena(p, g, m1, m2, norm), step),
            ["Ema"] = b => b.Ema(p, g, 0.9),
            ["SumOfSquares"] = b => b.SumOfSquares(p, norm),
        };
    }
}
