namespace JepaEngine.Ops;

public static partial class OpTable
{
    private static IEnumerable<OpCase> Rows()
    {
        yield return new OpCase("LayerNorm", PerElement(8),
        [
            LayerNorm("plain", Normal("x", [7, 33]), 1e-5),
            LayerNorm("one row", Normal("x", [1, 192]), 1e-6),
            LayerNorm("no rows", Normal("x", [0, 16]), 1e-5),
            LayerNorm("narrow", Normal("x", [9, 2]), 1e-12),
            LayerNorm("three dimensions", Normal("x", [2, 65, 48]), 1e-6),
            LayerNorm("large", Normal("x", [261, 384]), 1e-6),
            LayerNorm("wide", Normal("x", [14, 1408]), 1e-6),
            LayerNorm("very wide", Normal("x", [13, 2312]), 1e-6),
            LayerNorm("very wide and odd", Normal("x", [9, 2051]), 1e-6),
            LayerNorm("gapped", Normal("x", [7, 33]).Gapped(), 1e-5),
            LayerNorm("transposed", Normal("x", [7, 33]).Transposed(), 1e-5),
            Sample("without weight", [Normal("x", [2, 5, 40])], x => x[0].LayerNorm(null, null, 1e-6)),
            Sample("far from zero", [Normal("x", [6, 64]), Normal("weight", [64]), Normal("bias", [64])],
                x => (x[0] + 100).LayerNorm(x[1], x[2], 1e-5)),
        ]);

        yield return new OpCase("AdaLayerNorm", PerElement(9),
        [
            AdaLayerNorm("plain", Normal("x", [7, 33]), Normal("shift", [7, 33]), Normal("scale", [7, 33])),
            AdaLayerNorm("one row", Normal("x", [1, 192]), Normal("shift", [1, 192]), Normal("scale", [1, 192])),
            AdaLayerNorm("no rows", Normal("x", [0, 16]), Normal("shift", [0, 16]), Normal("scale", [0, 16])),
            AdaLayerNorm("large", Normal("x", [2, 131, 400]), Normal("shift", [2, 131, 400]), Normal("scale", [2, 131, 400])),
            AdaLayerNorm("wide", Normal("x", [3, 1408]), Normal("shift", [3, 1408]), Normal("scale", [3, 1408])),
            AdaLayerNorm("very wide", Normal("x", [3, 2312]), Normal("shift", [3, 2312]), Normal("scale", [3, 2312])),
            AdaLayerNorm("very wide and odd", Normal("x", [3, 2051]), Normal("shift", [3, 2051]), Normal("scale", [3, 2051])),
            AdaLayerNorm("gapped", Normal("x", [7, 33]).Gapped(), Normal("shift", [7, 33]).Gapped(), Normal("scale", [7, 33]).Gapped()),
            Sample("slices of one modulation", [Normal("x", [7, 16]), Normal("modulation", [7, 48])],
                x => x[0].AdaLayerNorm(x[1].Slice(1, 0, 16), x[1].Slice(1, 16, 16), 1e-6)),
        ]);

        yield return new OpCase("BatchNorm", PerElement(8),
        [
            BatchNorm("plain", Normal("x", [37, 19])),
            BatchNorm("two rows", Normal("x", [2, 48])),
            BatchNorm("three dimensions", Normal("x", [3, 21, 33])),
            BatchNorm("large", Normal("x", [521, 192])),
            BatchNorm("gapped", Normal("x", [12, 9]).Gapped()),
            Sample("evaluation", [.. BatchNormInputs(Normal("x", [12, 9])).Select(Constant)],
                x => x[0].BatchNorm(x[1], x[2], x[3], x[4], training: false)),
        ]);

        yield return new OpCase("Embedding", NoFlops,
        [
            Embedding("plain", [10, 7], [13]),
            Embedding("one row", [1, 32], [4]),
            Embedding("two dimensions", [50, 24], [3, 17]),
            Embedding("large", [50, 192], [2, 301]),
            Embedding("wide", [3, 1040], [5]),
            Embedding("no ids", [10, 7], [0]),
            Sample("gapped", [Normal("table", [10, 7]).Gapped(), Ids("ids", [13], 10)], x => x[0].Embedding(x[1])),
            Embedding("one many times", [1, 16], [1100]),
            Embedding("each a thousand times", [2, 3], [2600]),
        ]);

        yield return new OpCase("Gather", NoFlops,
        [
            Gather("plain", Normal("x", [2, 9, 33]), 5),
            Gather("one token of one", Normal("x", [3, 1, 8]), 1),
            Gather("each many times", Normal("x", [2, 3, 24]), 40),
            Gather("no ids", Normal("x", [2, 9, 7]), 0),
            Gather("large", Normal("x", [2, 257, 192]), 131),
            Gather("gapped", Normal("x", [2, 9, 33]).Gapped(), 5),
            Gather("transposed", Normal("x", [2, 9, 33]).Transposed(), 5),
            Sample("all but the first token", [Normal("x", [2, 9, 24]), Ids("ids", [2, 4], 8)], x => x[0].Slice(1, 1, 8).Gather(x[1])),
            Sample("I64", [Normal("x", [2, 9, 24]), Ids("ids", [2, 4], 9)], x => x[0].Gather(x[1].To(DType.I64))),
        ]);

        // A projection costs 2 D; each of its 17 knots a product, a sine, a cosine and two sums.
        yield return new OpCase("SigReg", shapes => shapes[0].Count / shapes[0][-1] * shapes[1][0] * (2.0 * shapes[0][-1] + 17 * 5),
        [
            SigReg("plain", [2, 33, 24], 31),
            SigReg("one direction", [1, 64, 8], 1),
            SigReg("one sample", [3, 1, 8], 5),
            SigReg("many samples", [1, 257, 16], 17),
            SigReg("large", [2, 128, 64], 256),
            Sample("five knots", [Normal("z", [2, 33, 24]), Normal("directions", [9, 24]).Statistic()], x => x[0].SigReg(x[1], knots: 5)),
            Sample("forty knots", [Normal("z", [2, 33, 24]), Normal("directions", [9, 24]).Statistic()], x => x[0].SigReg(x[1], knots: 40)),
        ]);
    }

    private static OpSample Gather(string name, OpInput x, int ids) =>
        Sample(name, [x, Ids("ids", [x.Shape[0], ids], x.Shape[1])], t => t[0].Gather(t[1]));

    internal static OpSample LayerNorm(string name, OpInput x, double eps) => Sample(
        name, [x, Normal("weight", [x.Shape[-1]]), Normal("bias", [x.Shape[-1]])], t => t[0].LayerNorm(t[1], t[2], eps));

    private static OpSample AdaLayerNorm(string name, params OpInput[] inputs) =>
        Sample(name, inputs, x => x[0].AdaLayerNorm(x[1], x[2], 1e-6));

    private static OpInput[] BatchNormInputs(OpInput x)
    {
        Shape channels = [x.Shape[-1]];
        return
        [
            x, Normal("weight", channels), Normal("bias", channels),
            Normal("running mean", channels).Statistic(), Positive("running variance", channels).Statistic(),
        ];
    }

    private static OpSample BatchNorm(string name, OpInput x) =>
        Sample(name, BatchNormInputs(x), t => t[0].BatchNorm(t[1], t[2], t[3], t[4], training: true));

    private static OpSample Embedding(string name, Shape table, Shape ids) => Sample(
        name, [Normal("table", table), Ids("ids", ids, table[0])], x => x[0].Embedding(x[1]));

    private static OpSample SigReg(string name, Shape z, int directions) =>
        Sample(name, [Normal("z", z), Normal("directions", [directions, z[-1]]).Statistic()], x => x[0].SigReg(x[1] / Math.Sqrt(z[-1])));
}
