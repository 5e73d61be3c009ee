using JepaEngine.Backends;
using JepaEngine.Devices;
using JepaEngine.Tensors;

namespace JepaEngine.Ops;

public static partial class OpTable
{
    /// <summary>What makes tensors or moves parameters: no gradient passes through it.</summary>
    private static IEnumerable<OpCase> Memory()
    {
        yield return new OpCase("Full", NoFlops, [Sample("plain", [], (scope, _) => scope.Full([7, 33], 0.1))]) { Members = [] };

        yield return new OpCase("RandomNormal", NoFlops,
        [
            Sample("plain", [], (scope, _) => scope.RandomNormal([7, 33], new PhiloxKey(7, 1), 0.5, 2)),
            Sample("large", [], (scope, _) => scope.RandomNormal([130, 777], new PhiloxKey(7, 2))),
        ])
        {
            Members = [],
        };

        yield return new OpCase("RandomUniform", NoFlops,
        [
            Sample("plain", [], (scope, _) => scope.RandomUniform([7, 33], new PhiloxKey(7, 3), -1, 3)),
            Sample("large", [], (scope, _) => scope.RandomUniform([130, 777], new PhiloxKey(7, 4))),
        ])
        {
            Members = [],
        };

        yield return new OpCase("RandomDirections", NoFlops,
            [Sample("plain", [], (scope, _) => scope.RandomDirections(31, 24, new PhiloxKey(7, 5)))]);

        yield return new OpCase("SumOfSquares", PerElement(2),
        [
            Sample("plain", [Normal("x", [777]).Constant()], SumOfSquares),
            Sample("large", [Normal("x", [100_001]).Constant()], SumOfSquares),
        ])
        {
            Members = [],
        };

        yield return new OpCase("AdamW", PerElement(14),
        [
            AdamW("first step", 777, 1),
            AdamW("later step", 777, 1000),
            AdamW("large", 100_001, 10),
            AdamW("with an average", 777, 3, averaged: true),
        ])
        {
            Members = [],
        };

        yield return new OpCase("Ema", PerElement(3),
        [
            Ema("plain", 777),
            Ema("large", 100_001),
        ])
        {
            Members = [],
        };
    }

    private static Tensor SumOfSquares(TensorScope scope, Tensor[] x)
    {
        Tensor sum = scope.Empty([], DType.F64);
        x[0].Backend.SumOfSquares(x[0].Operand, sum.Operand);
        return sum;
    }

    private static OpSample AdamW(string name, int length, long step, bool averaged = false) => Sample(
        name,
        [
            Normal("parameter", [length]).Statistic(), Normal("gradient", [length]).Constant(),
            Normal("moment 1", [length]).Statistic(), Positive("moment 2", [length]).Statistic(), Normal("average", [length]).Statistic(),
        ],
        (scope, x) =>
        {
            bool hasMaster = x[0].DType != x[1].DType;
            Tensor parameter = x[0].To(x[1].DType), average = x[4].To(x[1].DType);
            Tensor numbers = scope.Empty([AdamWStep.Length], DType.F64);
            x[0].Backend.Upload<AdamWStep>([AdamWStep.Of(step, 1e-3, 0.9, 0.999, 1e-8, 0.05, clipNorm: 1.4, averageDecay: 0.996)], numbers.Operand);
            x[0].Backend.AdamW(
                new AdamWArena(parameter.Operand, x[1].Operand, x[2].Operand, x[3].Operand, scope.Full([], 4, DType.F64).Operand)
                {
                    Master = hasMaster ? x[0].Operand : null,
                    Average = averaged ? x[4].Operand : null,
                    AverageCopy = averaged && hasMaster ? average.Operand : null,
                },
                numbers.Operand);
            return TensorOps.Concat(0, parameter, average);
        });

    private static OpSample Ema(string name, int length) => Sample(
        name, [Normal("average", [length]).Statistic(), Normal("value", [length]).Statistic()],
        x =>
        {
            x[0].Backend.Ema(x[0].Operand, x[1].Operand, 0.996);
            return x[0];
        });
}
