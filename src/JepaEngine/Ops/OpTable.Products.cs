using JepaEngine.Backends;
using JepaEngine.Tensors;

namespace JepaEngine.Ops;

public static partial class OpTable
{
    /// <summary>The widths of an attention head in the published models.</summary>
    private static int[] HeadWidths => [24, 32, 64, 80, 88];

    /// <summary>Tensor cores multiply bf16: flash attention rounds the weights and their gradient to it, half a unit in the last of 8 bits.</summary>
    private const double AttentionRounding = 1.0 / (1 << 9);

    private static IEnumerable<OpCase> Products()
    {
        yield return new OpCase("MatMul", shapes => 2.0 * shapes[0].Count * shapes[1][-1],
        [
            MatMul("plain", Normal("a", [17, 33]), Normal("b", [33, 19])),
            MatMul("one row", Normal("a", [1, 64]), Normal("b", [64, 48])),
            MatMul("one column", Normal("a", [31, 40]), Normal("b", [40, 1])),
            MatMul("inner 1", Normal("a", [5, 1]), Normal("b", [1, 7])),
            MatMul("several blocks", Normal("a", [131, 261]), Normal("b", [261, 67])),
            MatMul("large", Normal("a", [269, 300]), Normal("b", [300, 131])),
            MatMul("deep", Normal("a", [72, 1096]), Normal("b", [1096, 72])),
            MatMul("deep, odd", Normal("a", [33, 1091]), Normal("b", [1091, 35])),
            MatMul("aligned", Normal("a", [136, 296]), Normal("b", [296, 200])),
            MatMul("no rows", Normal("a", [0, 8]), Normal("b", [8, 4])),
            MatMul("inner 0", Normal("a", [3, 0]), Normal("b", [0, 4])),
            MatMul("transposed left", Normal("a", [17, 33]).Transposed(), Normal("b", [33, 19])),
            MatMul("transposed right", Normal("a", [17, 33]), Normal("b", [33, 19]).Transposed()),
            MatMul("both transposed", Normal("a", [17, 33]).Transposed(), Normal("b", [33, 19]).Transposed()),
            MatMul("gapped", Normal("a", [17, 33]).Gapped(), Normal("b", [33, 19]).Gapped()),
            MatMul("batched", Normal("a", [3, 9, 13]), Normal("b", [3, 13, 11])),
            MatMul("batched, transposed", Normal("a", [2, 9, 13]).Transposed(), Normal("b", [2, 13, 11]).Transposed()),
            MatMul("two batch dimensions", Normal("a", [2, 3, 5, 8]), Normal("b", [2, 3, 8, 6])),
            Sample("heads outside", [Normal("a", [2, 5, 3, 8]), Normal("b", [2, 8, 3, 6])], x => x[0].Transpose(1, 2).MatMul(x[1].Transpose(1, 2))),
            MatMul("matrix on the right", Normal("a", [2, 7, 13]), Normal("b", [13, 11])),
        ]);

        yield return new OpCase("Linear", shapes => 2.0 * shapes[0].Count * shapes[1][0],
        [
            Linear("plain", [21, 40], [24, 40]),
            Linear("one row", [1, 40], [24, 40]),
            Linear("a vector", [40], [24, 40]),
            Linear("no rows", [0, 8], [4, 8]),
            Linear("three dimensions", [2, 65, 48], [37, 48]),
            Linear("gelu", [2, 9, 33], [17, 33], Activation.Gelu),
            Linear("silu", [2, 9, 33], [17, 33], Activation.Silu),
            Sample("no bias", [Normal("x", [9, 16]), Normal("weight", [5, 16])], x => x[0].Linear(x[1])),
            Sample("residual",
                [Normal("x", [2, 5, 16]), Normal("weight", [12, 16]), Normal("bias", [12]), Normal("residual", [2, 5, 12])],
                x => x[0].Linear(x[1], x[2], residual: x[3])),
            Sample("gelu and residual",
                [Normal("x", [9, 16]), Normal("weight", [12, 16]), Normal("bias", [12]), Normal("residual", [9, 12])],
                x => x[0].Linear(x[1], x[2], Activation.Gelu, x[3])),
            Sample("gapped",
                [
                    Normal("x", [9, 16]).Gapped(), Normal("weight", [12, 16]).Gapped(), Normal("bias", [12]),
                    Normal("residual", [9, 12]).Gapped(),
                ],
                x => x[0].Linear(x[1], x[2], Activation.Silu, x[3])),
            Sample("transposed", [Normal("x", [9, 16]).Transposed(), Normal("weight", [12, 16]).Transposed()], x => x[0].Linear(x[1])),
        ]);

        yield return new OpCase("Mlp", shapes => 2.0 * shapes[0].Count / shapes[0][-1] * (shapes[1].Count + shapes[3].Count),
        [
            Sample("plain", MlpInputs([2, 11, 24], 50, 24), x => x[0].Mlp(x[1], x[2], x[3], x[4])),
            Sample("one row", MlpInputs([1, 24], 50, 7), x => x[0].Mlp(x[1], x[2], x[3], x[4])),
            Sample("no rows", MlpInputs([0, 8], 16, 8), x => x[0].Mlp(x[1], x[2], x[3], x[4])),
            Sample("residual", [.. MlpInputs([2, 11, 24], 50, 24), Normal("residual", [2, 11, 24])],
                x => x[0].Mlp(x[1], x[2], x[3], x[4], x[5])),
            Sample("its own residual", MlpInputs([2, 11, 24], 50, 24), x => x[0].Mlp(x[1], x[2], x[3], x[4], x[0])),
        ]);

        yield return new OpCase("PatchEmbed", PatchEmbedFlops,
        [
            PatchEmbed("plain", Normal("pixels", [2, 3, 8, 12]), [10, 3, 4, 4]),
            PatchEmbed("one patch", Normal("pixels", [1, 3, 14, 14]), [9, 3, 14, 14]),
            PatchEmbed("patch of 1", Normal("pixels", [2, 2, 3, 5]), [4, 2, 1, 1]),
            PatchEmbed("no pictures", Normal("pixels", [0, 3, 8, 8]), [4, 3, 4, 4]),
            PatchEmbed("large", Normal("pixels", [2, 3, 84, 84]), [49, 3, 14, 14]),
            PatchEmbed("many patches", Normal("pixels", [1, 2, 40, 40]), [10, 2, 2, 2]),
            PatchEmbed("wide", Normal("pixels", [2, 1, 8, 8]), [200, 1, 4, 4]),
            PatchEmbed("gapped", Normal("pixels", [2, 3, 8, 12]).Gapped(), [10, 3, 4, 4]),
            Sample("bytes",
                [new OpInput("pixels", [2, 3, 8, 12], OpInputKind.Pixels), Normal("weight", [10, 3, 4, 4]), Normal("bias", [10])],
                x => x[0].PatchEmbed(x[1], x[2], PixelTransform.Normalize([0.485f, 0.456f, 0.406f], [0.229f, 0.224f, 0.225f]))),
            Sample("bytes, channels last",
                [new OpInput("pixels", [2, 8, 12, 3], OpInputKind.Pixels), Normal("weight", [10, 3, 4, 4]), Normal("bias", [10])],
                x => x[0].Permute(0, 3, 1, 2).PatchEmbed(x[1], x[2], PixelTransform.Normalize([0.5f, 0.5f, 0.5f], [0.25f, 0.5f, 1]))),
            PatchEmbed("clips", Normal("pixels", [2, 3, 4, 8, 12]), [10, 3, 2, 4, 4]),
            PatchEmbed("clips, one tubelet", Normal("pixels", [1, 3, 3, 7, 7]), [9, 3, 3, 7, 7]),
            PatchEmbed("clips, large", Normal("pixels", [1, 3, 4, 64, 48]), [88, 3, 2, 16, 16]),
            PatchEmbed("visible", Normal("pixels", [2, 3, 8, 12]), [10, 3, 4, 4], Ids("visible", [2, 4], 6)),
            PatchEmbed("visible, each many times", Normal("pixels", [2, 2, 2, 4, 4]), [7, 2, 2, 2, 2], Ids("visible", [2, 33], 4)),
            PatchEmbed("none visible", Normal("pixels", [2, 3, 8, 12]), [10, 3, 4, 4], Ids("visible", [2, 0], 6)),
            PatchEmbed("clips, gapped, visible", Normal("pixels", [1, 3, 4, 8, 12]).Gapped(), [10, 3, 2, 4, 4], Ids("visible", [1, 5], 12)),
            Sample("frames of bytes, channels last, visible",
                [
                    new OpInput("pixels", [2, 4, 16, 32, 3], OpInputKind.Pixels), Normal("weight", [10, 3, 2, 16, 16]), Normal("bias", [10]),
                    Ids("visible", [2, 3], 4),
                ],
                x => x[0].Permute(0, 4, 1, 2, 3).PatchEmbed(x[1], x[2], PixelTransform.Normalize([0.5f, 0.5f, 0.5f], [0.25f, 0.5f, 1]), x[3].To(DType.I64))),
            Sample("frames of bytes, channels outside",
                [new OpInput("pixels", [2, 4, 3, 16, 32], OpInputKind.Pixels), Normal("weight", [10, 3, 2, 16, 16]), Normal("bias", [10])],
                x => x[0].Transpose(1, 2).PatchEmbed(x[1], x[2])),
        ]);

        yield return new OpCase("Attention", shapes => 4.0 * shapes[0].Count * shapes[1][1],
        [
            .. HeadWidths.Select(width => Attention($"head width {width}", [2, 5, 2, width], [2, 7, 2, width])),
            Attention("causal", [2, 9, 3, 24], [2, 9, 3, 24], causalBlock: 1),
            Attention("causal, fewer queries", [1, 3, 2, 32], [1, 11, 2, 32], causalBlock: 1),
            Attention("one query", [3, 1, 2, 16], [3, 6, 2, 16]),
            Attention("one key", [2, 4, 2, 16], [2, 1, 2, 16]),
            Attention("odd width", [1, 5, 2, 7], [1, 6, 2, 7]),
            Attention("no batch", [0, 5, 2, 8], [0, 6, 2, 8]),
            Attention("large", [1, 197, 2, 64], [1, 197, 2, 64]),
            Attention("large, causal", [1, 133, 1, 64], [1, 150, 1, 64], causalBlock: 1),
            .. HeadWidths.Select(width => Attention($"blocks of 4, head width {width}", [2, 10, 2, width], [2, 10, 2, width], causalBlock: 4)),
            Attention("blocks of 5, fewer queries", [1, 7, 2, 32], [1, 15, 2, 32], causalBlock: 5),
            Attention("a block of more than all", [1, 5, 2, 24], [1, 6, 2, 24], causalBlock: int.MaxValue),
            Attention("large, blocks of 67", [1, 134, 1, 64], [1, 201, 1, 64], causalBlock: 67),
            .. HeadWidths.Append(128).Select(width => Attention($"several tiles, head width {width}", [1, 37, 1, width], [1, 70, 1, width])),
            Attention("several tiles, odd width", [2, 65, 1, 7], [2, 131, 1, 7]),
            Attention("several tiles, causal, wide", [1, 71, 1, 104], [1, 80, 1, 104], causalBlock: 3),
            Attention("many keys", [1, 18, 1, 32], [1, 323, 1, 32]),
            // The greatest score stays for a hundred steps, and may lose nothing in any of them.
            Attention("one query, 2048 keys", [1, 1, 1, 24], [1, 2048, 1, 24]),
            Attention("many queries", [1, 323, 1, 32], [1, 18, 1, 32]),
            // Floats of this size lie hundreds apart: a score less the greatest may not be taken from rounded products.
            .. HeadWidths.Append(128).Select(width => Sample($"scores of 1e10, head width {width}",
                [Normal("q", [1, 19, 1, width]) with { HasGrad = false }, Normal("k", [1, 37, 1, width]) with { HasGrad = false },
                    Normal("v", [1, 37, 1, width])],
                x => (x[0] * 1e5).Attention(x[1] * 1e5, x[2]))),
            Sample("several tiles, queries aligned to an element only",
                [Normal("q", [1, 35, 2, 24]) with { Layout = OpInputLayout.Shifted }, Normal("k", [1, 67, 2, 24]), Normal("v", [1, 67, 2, 24])],
                x => x[0].Attention(x[1], x[2])),
            Sample("gapped", [Normal("q", [2, 5, 2, 8]).Gapped(), Normal("k", [2, 6, 2, 8]).Gapped(), Normal("v", [2, 6, 2, 8]).Gapped()],
                x => x[0].Attention(x[1], x[2])),
            Sample("heads outside", [Normal("q", [2, 3, 5, 8]), Normal("k", [2, 3, 6, 8]), Normal("v", [2, 3, 6, 8])],
                x => x[0].Transpose(1, 2).Attention(x[1].Transpose(1, 2), x[2].Transpose(1, 2))),
            Sample("one tensor thrice", [Normal("x", [2, 5, 2, 8])], x => x[0].Attention(x[0], x[0])),
            .. HeadWidths.Append(128).Select(width => TurnedAttention($"turned, head width {width}", Normal("q", [2, 7, 2, width]), [1, 7, width])),
            .. HeadWidths.Append(128).Select(width =>
                TurnedAttention($"turned, several tiles, head width {width}", Normal("q", [1, 70, 1, width]), [1, 70, width])),
            TurnedAttention("turned, several tiles, blocks of 35", Normal("q", [2, 140, 1, 64]), [2, 140, 64], causalBlock: 35),
            TurnedAttention("turned, causal, odd pairs", Normal("q", [2, 37, 2, 10]), [2, 37, 10], causalBlock: 1),
            TurnedAttention("turned, aligned to an element only", Normal("q", [2, 35, 2, 24]) with { Layout = OpInputLayout.Shifted }, [1, 35, 24]),
            // A quarter: at full size single scores rule their rows, where plain loops subtract the logarithm of the sum from the very score it was made of and are
            // exact by luck, and a kernel that scales after the maximum is not (2.5e-6 beside 5e-7).
            Sample("turned, long", [Normal("q", [1, 641, 1, 8]), Normal("k", [1, 641, 1, 8]), Normal("v", [1, 641, 1, 8]), .. Tables([1, 641, 8])],
                x => (x[0] * 0.25).Attention(x[1] * 0.25, x[2], 0, x[3], x[4])),
            TurnedAttention("turned, no tokens", Normal("q", [2, 0, 2, 8]), [1, 0, 8]),
            Sample("turned, packed projections", [Normal("qkv", [2, 6, 3 * 2 * 24]), .. Tables([1, 6, 24])], x => Packed(x[0].Reshape(2, 6, 3, 2, 24), x[1], x[2])),
            Sample("turned, tables with gaps", [Normal("x", [2, 20, 2, 8]), .. Tables([2, 8, 20])],
                x => x[0].Attention(x[0], x[0], 0, x[1].Transpose(1, 2), x[2].Transpose(1, 2))),
            Sample("turned, a part of longer tables", [Normal("x", [2, 19, 2, 8]), .. Tables([1, 27, 17])],
                x => x[0].Attention(x[0], x[0], 0, x[1].Slice(1, 2, 19).Slice(2, 1, 8), x[2].Slice(1, 4, 19).Slice(2, 8, 8))),
        ])
        {
            RoundedFloor = AttentionRounding,
        };

        yield return new OpCase("SelfAttention", shapes => 4.0 / 3 * shapes[0].Count * shapes[0][1],
        [
            .. HeadWidths.Select(width =>
                Sample($"head width {width}", [Normal("qkv", [2, 6, 3 * 3 * width])], x => x[0].SelfAttention(3))),
            Sample("causal", [Normal("qkv", [2, 17, 3 * 2 * 24])], x => x[0].SelfAttention(2, causalBlock: 1)),
            Sample("blocks of 6", [Normal("qkv", [2, 17, 3 * 2 * 24])], x => x[0].SelfAttention(2, causalBlock: 6)),
            Sample("one token", [Normal("qkv", [2, 1, 3 * 2 * 8])], x => x[0].SelfAttention(2)),
            Sample("gapped", [Normal("qkv", [2, 6, 3 * 2 * 8]).Gapped()], x => x[0].SelfAttention(2)),
            Sample("transposed", [Normal("qkv", [2, 6, 3 * 2 * 8]).Transposed()], x => x[0].SelfAttention(2)),
            Sample("several tiles", [Normal("qkv", [1, 67, 3 * 2 * 32])], x => x[0].SelfAttention(2, causalBlock: 1)),
        ])
        {
            RoundedFloor = AttentionRounding,
        };

        yield return new OpCase("Rotary", PerElement(3),
        [
            .. HeadWidths.Select(width => Rotary($"head width {width}", Normal("x", [2, 5, 3, width]), [1, 5, width])),
            Rotary("a table for each batch", Normal("x", [3, 4, 2, 10]), [3, 4, 10]),
            Rotary("one pair", Normal("x", [2, 3, 1, 2]), [1, 3, 2]),
            Rotary("no tokens", Normal("x", [2, 0, 2, 8]), [1, 0, 8]),
            Rotary("large", Normal("x", [2, 131, 4, 80]), [1, 131, 80]),
            Rotary("aligned to an element only", Normal("x", [2, 33, 3, 24]) with { Layout = OpInputLayout.Shifted }, [2, 33, 24]),
            Rotary("gapped", Normal("x", [2, 5, 3, 24]).Gapped(), [2, 5, 24]),
            Rotary("transposed", Normal("x", [2, 5, 4, 8]).Transposed(), [1, 5, 8]),
            Sample("keys of packed projections", [Normal("qkv", [2, 6, 3 * 2 * 24]), .. Tables([1, 6, 24])],
                x => x[0].Reshape(2, 6, 3, 2, 24).Select(2, 1).Rotary(x[1], x[2])),
            Sample("a part of longer tables", [Normal("x", [2, 3, 2, 8]), .. Tables([1, 7, 16])],
                x => x[0].Rotary(x[1].Slice(1, 2, 3).Slice(2, 0, 8), x[2].Slice(1, 4, 3).Slice(2, 8, 8))),
            Sample("tables with gaps", [Normal("x", [2, 3, 2, 8]), .. Tables([2, 8, 3])],
                x => x[0].Rotary(x[1].Transpose(1, 2), x[2].Transpose(1, 2))),
        ]);
    }

    private static OpSample MatMul(string name, OpInput a, OpInput b) => Sample(name, [a, b], x => x[0].MatMul(x[1]));

    private static OpSample Linear(string name, Shape x, Shape weight, Activation activation = Activation.None) => Sample(
        name, [Normal("x", x), Normal("weight", weight), Normal("bias", [weight[0]])], t => t[0].Linear(t[1], t[2], activation));

    private static OpInput[] MlpInputs(Shape x, int hidden, int outputs) =>
    [
        Normal("x", x),
        Normal("weight1", [hidden, x[-1]]),
        Normal("bias1", [hidden]),
        Normal("weight2", [outputs, hidden]),
        Normal("bias2", [outputs]),
    ];

    private static OpSample PatchEmbed(string name, OpInput pixels, Shape weight, params OpInput[] visible) => Sample(
        name, [pixels, Normal("weight", weight), Normal("bias", [weight[0]]), .. visible], x => x[0].PatchEmbed(x[1], x[2], visible: x.ElementAtOrDefault(3)));

    /// <summary>All pixels, or those of the visible patches, times the width.</summary>
    private static double PatchEmbedFlops(Shape[] shapes) =>
        2.0 * (shapes.Length > 3 ? (double)shapes[3].Count * shapes[1].Count : (double)shapes[0].Count * shapes[1][0]);

    private static OpSample Rotary(string name, OpInput x, Shape tables) => Sample(
        name, [x, .. Tables(tables)], t => t[0].Rotary(t[1], t[2]));

    internal static OpSample TurnedAttention(string name, OpInput q, Shape tables, int causalBlock = 0) => Sample(
        name, [q, Normal("k", q.Shape), Normal("v", q.Shape), .. Tables(tables)], x => x[0].Attention(x[1], x[2], causalBlock, x[3], x[4]));

    private static Tensor Packed(Tensor qkv, Tensor cos, Tensor sin) => qkv.Select(2, 0).Attention(qkv.Select(2, 1), qkv.Select(2, 2), 0, cos, sin);

    /// <summary>Any numbers, since nothing of rotary positions needs them to be cosines and sines.</summary>
    private static OpInput[] Tables(Shape shape) => [Normal("cos", shape).Statistic(), Normal("sin", shape).Statistic()];

    internal static OpSample Attention(string name, Shape q, Shape kv, int causalBlock = 0) => Sample(
        name, [Normal("q", q), Normal("k", kv), Normal("v", kv)], x => x[0].Attention(x[1], x[2], causalBlock));
}
