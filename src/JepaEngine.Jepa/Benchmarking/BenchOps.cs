using static JepaEngine.Jepa.Benchmarking.BenchOp;

namespace JepaEngine.Jepa.Benchmarking;

/// <summary>
/// What <c>jepa bench</c> measures of each operation: the shapes of ViT-L at so many tokens. A row's name is for ever, since histories and the peers'
/// files are joined by it: change a shape by a new row.
/// </summary>
internal static class BenchOps
{
    private const double Epsilon = 1e-6;

    // Gradients of LayerNorm call the backend: through a tape they would be preceded by a copy as large as half of what they move.
    private static readonly BenchOp[] All =
    [
        new("MatMul", s => Like("MatMul", "plain", $"{s.Tokens}x{s.Width}x{s.Width}", s, [s.Tokens, s.Width], [s.Width, s.Width])) { Backward = 2 },
        Square(1024), Square(2048), Square(4096),
        new("Linear", s => Like("Linear", "plain", $"{s.Tokens}x{s.Hidden}x{s.Width}", s, [s.Tokens, s.Width], [s.Hidden, s.Width], [s.Hidden])) { Backward = 2 },
        new("Linear", s => Like("Linear", "gelu", $"gelu {s.Tokens}x{s.Hidden}x{s.Width}", s, [s.Tokens, s.Width], [s.Hidden, s.Width], [s.Hidden])),
        new("Mlp", s => Plain("Mlp", s, [s.Tokens, s.Width], [s.Hidden, s.Width], [s.Hidden], [s.Width, s.Hidden], [s.Width])) { Backward = 2 },
        new("PatchEmbed", s => Plain("PatchEmbed", s, Clip(s.Tokens), [s.Width, 3, 2, 16, 16], [s.Width])),
        new("Attention", s => Plain("Attention", s, Heads(s), Heads(s), Heads(s))) { Backward = 2.5 },
        new("SelfAttention", s => Own(Label([1, s.Tokens, 3 * s.Width]), [[1, s.Tokens, 3 * s.Width]], (_, x) => x[0].SelfAttention(s.Heads))),
        new("Rotary", s => Plain("Rotary", s, Heads(s), [1, s.Tokens, BenchSize.HeadWidth], [1, s.Tokens, BenchSize.HeadWidth])),

        new("LayerNorm", s => Plain("LayerNorm", s, Rows(s), [s.Width], [s.Width])),
        new("LayerNorm", s => Own(Label(Rows(s)), [Rows(s), [s.Width], [s.Tokens], [s.Tokens], Rows(s), Rows(s), [s.Width], [s.Width]], (_, x) =>
        {
            x[0].Device.Backend.LayerNormGrad(x[0].Operand, x[1].Operand, x[2].Operand, x[3].Operand, x[4].Operand,
                x[5].Operand, false, x[6].Operand, x[7].Operand);
            return x[5];
        }).With(2, 3)) { Pass = "backward", Moves = (s, device) => 3.0 * Bytes(Rows(s), device) },
        new("AdaLayerNorm", s => Plain("AdaLayerNorm", s, Rows(s), Rows(s), Rows(s))),
        new("AdaLayerNorm", s => Own(Label(Rows(s)), [Rows(s), Rows(s), [s.Tokens], [s.Tokens], Rows(s), Rows(s), Rows(s), Rows(s)], (_, x) =>
        {
            x[0].Device.Backend.AdaLayerNormGrad(x[0].Operand, x[1].Operand, x[2].Operand, x[3].Operand, x[4].Operand,
                x[5].Operand, false, x[6].Operand, x[7].Operand);
            return x[5];
        }).With(2, 3)) { Pass = "backward", Moves = (s, device) => 6.0 * Bytes(Rows(s), device) },
        new("BatchNorm", s => Plain("BatchNorm", s, Rows(s), [s.Width], [s.Width], [s.Width], [s.Width])),
        new("Embedding", s => Plain("Embedding", s, Rows(s), [s.Tokens])) { Moves = (s, device) => 2.0 * Bytes(Rows(s), device) },
        new("Gather", s => Plain("Gather", s, [1, s.Tokens, s.Width], [1, s.Tokens / 2])) { Moves = (s, device) => 1.0 * Bytes(Rows(s), device) },
        new("SigReg", s => Own("4x128x192 in 1024 directions", [[4, 128, 192], [1024, 192]], (_, x) => x[0].SigReg(x[1])).With(1)) { HasTokens = false, Backward = 2 },

        .. Elementwise("Add", 2), .. Elementwise("Subtract", 2), .. Elementwise("Multiply", 2), .. Elementwise("Divide", 2),
        .. Elementwise("Affine", 1), .. Elementwise("Gelu", 1), .. Elementwise("Silu", 1), .. Elementwise("Relu", 1), .. Elementwise("Square", 1),
        .. Elementwise("Sqrt", 1), .. Elementwise("Abs", 1), .. Elementwise("Exp", 1), .. Elementwise("GatedAdd", 3), .. Elementwise("Dropout", 1),

        .. Elementwise("Sum", 1), .. Elementwise("Mean", 1),
        new("Sum", s => Like("Sum", "first of many", $"{Label(Rows(s))} down", s, Rows(s))),
        .. Elementwise("MeanSquaredError", 2), .. Elementwise("L1Loss", 2), .. Elementwise("SmoothL1Loss", 2),
        // Half of the tokens are predicted.
        new("LatentLoss", s => Plain("LatentLoss", s, [1, s.Tokens / 2, s.Width], [1, s.Tokens, s.Width], [1, s.Tokens / 2]))
            { Moves = (s, device) => 1.0 * Bytes(Rows(s), device) },

        new("Contiguous", s => Like("Contiguous", "transposed", $"{Label(Rows(s))} transposed", s, Rows(s))),
        new("Concat", s => Plain("Concat", s, Rows(s), Rows(s))),
        new("To", s => Own(Label(Rows(s)), [Rows(s)], (_, x) => x[0].To(x[0].DType == DType.F32 ? DType.BF16 : DType.F32))),

        new("Full", s => Own(Label(Rows(s)), [], (scope, _) => scope.Full(Rows(s), 0.5))),
        new("RandomNormal", s => Own(Label(Rows(s)), [], (scope, _) => scope.RandomNormal(Rows(s), new PhiloxKey(1)))),
        new("RandomUniform", s => Own(Label(Rows(s)), [], (scope, _) => scope.RandomUniform(Rows(s), new PhiloxKey(1)))),
        new("RandomDirections", s => Own("1024x192", [], (scope, _) => scope.RandomDirections(1024, 192, new PhiloxKey(1)))) { HasTokens = false },
        new("SumOfSquares", s => Plain("SumOfSquares", s, [s.Parameters])) { HasTokens = false },
        AdamW(averaged: false), AdamW(averaged: true),
        new("Ema", s => Plain("Ema", s, [s.Parameters], [s.Parameters])) { Pass = "step", HasTokens = false },

        // LeWorldModel's published plan.
        new("CemSample", s => Plain("CemSample", s, [1, 300, 50], [1, 50], [1, 50])) { HasTokens = false },
        new("CemScore", s => Plain("CemScore", s, [300, 5, 192], [1, 192])) { HasTokens = false },
        new("CemRefit", s => Plain("CemRefit", s, [1, 300, 50], [1, 300])) { HasTokens = false },
    ];

    /// <summary>What is measured of an operation of the table: nothing where it only looks at its input in another way.</summary>
    public static IEnumerable<BenchOp> Of(string op) => All.Where(entry => entry.Op == op);

    /// <summary>The operations that something is measured of, in the order of the list.</summary>
    public static IEnumerable<string> Names => All.Select(entry => entry.Op).Distinct();

    /// <summary>What <c>--quick</c> measures: each kernel that a training step or a plan spends its time in.</summary>
    public static IReadOnlyList<string> Quick { get; } =
        ["MatMul", "Linear", "Mlp", "PatchEmbed", "Attention", "Rotary", "LayerNorm", "AdaLayerNorm", "Gather", "SigReg", "Gelu", "Add", "SmoothL1Loss", "AdamW"];

    private static BenchOp Square(int side) =>
        new("MatMul", s => Like("MatMul", "plain", $"{side}x{side}x{side}", s, [side, side], [side, side])) { HasTokens = false, OnlyOnGpu = true };

    private static IEnumerable<BenchOp> Elementwise(string op, int inputs) =>
        [new BenchOp(op, s => Plain(op, s, [.. Enumerable.Repeat(new Shape(s.Tokens, s.Hidden), inputs)])) { Backward = op is "Gelu" or "SmoothL1Loss" ? 1 : 0 }];

    private static Shape Rows(BenchSize size) => [size.Tokens, size.Width];

    private static Shape Heads(BenchSize size) => [1, size.Tokens, size.Heads, BenchSize.HeadWidth];

    /// <summary>Frames of 256 pixels in tubelets of 2 x 16 x 16, 256 a pair of frames; where fewer tokens are wanted, fewer rows.</summary>
    private static Shape Clip(int tokens) => [1, 3, 2 * Math.Max(1, tokens / 256), 16 * Math.Clamp(tokens / 16, 1, 16), 256];

    private static double Bytes(Shape shape, Device device) => (double)shape.Count * device.Compute.Size();

    private static BenchOp AdamW(bool averaged) => new("AdamW", s => AdamWWork.Sample(s.Parameters, averaged))
    {
        Pass = "step",
        HasTokens = false,
        Moves = (s, device) => AdamWBytes(s, device, averaged),
        Work = (device, sample, moves) => new AdamWWork(device, sample, moves, averaged),
    };

    /// <summary>Parameters and moments read and written, gradients read, the average read and written, copies written.</summary>
    private static double AdamWBytes(BenchSize size, Device device, bool averaged)
    {
        int real = device.Compute.Size(), statistic = device.Statistics.Size(), copies = real == statistic ? 0 : real;
        return (double)size.Parameters * (6 * statistic + real + copies + (averaged ? 2 * statistic + copies : 0));
    }

    /// <summary>With these inputs in the dtype of statistics.</summary>
    internal static OpSample With(this OpSample sample, params int[] statistics) =>
        sample with { Inputs = [.. sample.Inputs.Select((input, i) => input with { IsStatistic = statistics.Contains(i), HasGrad = input.HasGrad && !statistics.Contains(i) })] };
}
