using JepaEngine.Backends;
using JepaEngine.Tensors;

namespace JepaEngine.Ops;

public static partial class OpTable
{
    private static IEnumerable<OpCase> Reductions()
    {
        yield return Reduction("Sum", (x, axes, keep) => x.Sum(axes, keep),
            Sample("no elements", [Normal("x", [0, 5])], x => x[0].Sum([0])));
        yield return Reduction("Mean", (x, axes, keep) => x.Mean(axes, keep));

        yield return Loss("MeanSquaredError", 3, (prediction, target) => prediction.MeanSquaredError(target));
        yield return Loss("L1Loss", 3, (prediction, target) => prediction.L1Loss(target));
        yield return Loss("SmoothL1Loss", 4, (prediction, target) => prediction.SmoothL1Loss(target));

        // Of an element: two sums of the statistics, the difference, its loss and its slope.
        yield return new OpCase("LatentLoss", PerElement(11),
        [
            LatentLoss("plain", Normal("prediction", [2, 5, 33]), Normal("targets", [2, 9, 33]), LossKind.SmoothL1),
            LatentLoss("mean squared", Normal("prediction", [2, 5, 40]), Normal("targets", [2, 9, 40]), LossKind.MeanSquared),
            LatentLoss("L1", Normal("prediction", [2, 5, 40]), Normal("targets", [2, 9, 40]), LossKind.L1),
            LatentLoss("smooth L1 as it is", Normal("prediction", [2, 5, 40]), Normal("targets", [2, 9, 40]), LossKind.SmoothL1, eps: null),
            LatentLoss("mean squared as it is", Normal("prediction", [2, 5, 33]), Normal("targets", [2, 9, 33]), LossKind.MeanSquared, eps: null),
            LatentLoss("L1 as it is", Normal("prediction", [2, 5, 33]), Normal("targets", [2, 9, 33]), LossKind.L1, eps: null),
            LatentLoss("one row", Normal("prediction", [1, 1, 384]), Normal("targets", [1, 3, 384]), LossKind.SmoothL1),
            LatentLoss("one element", Normal("prediction", [1, 1, 1]), Normal("targets", [1, 1, 1]), LossKind.SmoothL1),
            LatentLoss("four masks, each token many times", Normal("prediction", [8, 6, 24]), Normal("targets", [2, 3, 24]), LossKind.SmoothL1),
            LatentLoss("gapped", Normal("prediction", [2, 5, 33]).Gapped(), Normal("targets", [2, 9, 33]).Gapped(), LossKind.SmoothL1),
            LatentLoss("transposed", Normal("prediction", [2, 5, 33]).Transposed(), Normal("targets", [2, 9, 33]).Transposed(), LossKind.L1),
            LatentLoss("1024 wide", Normal("prediction", [2, 7, 1024]), Normal("targets", [2, 9, 1024]), LossKind.SmoothL1),
            LatentLoss("1280 wide", Normal("prediction", [2, 7, 1280]), Normal("targets", [2, 9, 1280]), LossKind.SmoothL1),
            LatentLoss("very wide", Normal("prediction", [1, 3, 2312]), Normal("targets", [1, 5, 2312]), LossKind.SmoothL1),
            LatentLoss("very wide as it is", Normal("prediction", [1, 3, 2312]), Normal("targets", [1, 5, 2312]), LossKind.MeanSquared, eps: null),
            LatentLoss("very wide and odd", Normal("prediction", [1, 3, 2051]), Normal("targets", [1, 5, 2051]), LossKind.SmoothL1),
            Sample("far from zero", [Normal("prediction", [2, 5, 64]), Normal("targets", [2, 9, 64]).Constant(), Ids("ids", [2, 5], 9)],
                x => x[0].LatentLoss(x[1] + 100, x[2], LossKind.SmoothL1, 1e-5)),
            LatentLoss("large", Normal("prediction", [2, 131, 400]), Normal("targets", [2, 196, 400]), LossKind.SmoothL1),
        ]);
    }

    private static OpSample LatentLoss(string name, OpInput prediction, OpInput targets, LossKind kind, double? eps = 1e-5) => Sample(
        name, [prediction, targets.Constant(), Ids("ids", [prediction.Shape[0], prediction.Shape[1]], targets.Shape[1])],
        x => x[0].LatentLoss(x[1], x[2], kind, eps));

    private delegate Tensor Reduce(Tensor x, int[] axes, bool keep);

    private static OpCase Reduction(string name, Reduce reduce, params OpSample[] more) => new(name, PerElement(1),
    [
        Sample("all", [Normal("x", [7, 33])], x => reduce(x[0], [], false)),
        Sample("all of many", [Normal("x", [130, 777])], x => reduce(x[0], [], false)),
        Sample("first of many", [Normal("x", [1000, 131])], x => reduce(x[0], [0], false)),
        Sample("last of many", [Normal("x", [1000, 131])], x => reduce(x[0], [1], false)),
        Sample("first of many wide", [Normal("x", [700, 264])], x => reduce(x[0], [0], false)),
        Sample("first and last of many", [Normal("x", [40, 3, 50])], x => reduce(x[0], [0, 2], false)),
        Sample("middle of wide", [Normal("x", [3, 70, 40])], x => reduce(x[0], [1], true)),
        Sample("every second", [Normal("x", [3, 4, 5, 2, 3, 2])], x => reduce(x[0], [0, 2, 4], false)),
        Sample("last", [Normal("x", [7, 33])], x => reduce(x[0], [-1], false)),
        Sample("first", [Normal("x", [7, 33])], x => reduce(x[0], [0], true)),
        Sample("middle", [Normal("x", [3, 17, 5])], x => reduce(x[0], [1], false)),
        Sample("first and last", [Normal("x", [3, 17, 5])], x => reduce(x[0], [0, 2], true)),
        Sample("a scalar", [Normal("x", [])], x => reduce(x[0], [], false)),
        Sample("transposed", [Normal("x", [7, 33]).Transposed()], x => reduce(x[0], [0], false)),
        Sample("gapped", [Normal("x", [7, 33]).Gapped()], x => reduce(x[0], [1], true)),
        .. more,
    ]);

    private static OpCase Loss(string name, double flops, Func<Tensor, Tensor, Tensor> loss) => new(name, PerElement(flops),
    [
        Sample("plain", [Normal("prediction", [7, 33]), Normal("target", [7, 33])], x => loss(x[0], x[1])),
        Sample("one element", [Normal("prediction", []), Normal("target", [])], x => loss(x[0], x[1])),
        Sample("large", [Normal("prediction", [2, 65, 1024]), Normal("target", [2, 65, 1024])], x => loss(x[0], x[1])),
        Sample("gapped", [Normal("prediction", [7, 33]).Gapped(), Normal("target", [7, 33]).Gapped()], x => loss(x[0], x[1])),
        Sample("transposed", [Normal("prediction", [7, 33]).Transposed(), Normal("target", [7, 33])], x => loss(x[0], x[1])),
        Sample("slices of wide rows", [Normal("prediction", [5, 640]), Normal("target", [5, 528])], x => loss(x[0].Slice(1, 16, 528), x[1])),
    ]);
}
