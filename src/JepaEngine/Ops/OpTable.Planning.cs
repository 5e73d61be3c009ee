using JepaEngine.Backends;
using JepaEngine.Devices;
using JepaEngine.Tensors;

namespace JepaEngine.Ops;

public static partial class OpTable
{
    /// <summary>An iteration of the cross-entropy method beside the model, in F32 on every device: no gradient passes through it.</summary>
    private static IEnumerable<OpCase> Planning()
    {
        yield return new OpCase("CemSample", NoFlops,
        [
            CemSample("plain", 2, 37, 9, bound: 1.25f),
            CemSample("large", 1, 300, 50, bound: float.PositiveInfinity),
        ])
        {
            Members = [],
        };

        // Of the last step, as the plain call prices it.
        yield return new OpCase("CemScore", shapes => 3.0 * shapes[0].Count / shapes[0][1],
        [
            CemScore("plain", Normal("path", [10, 3, 45]), problems: 2, meanWeight: null),
            CemScore("nearest", Normal("path", [10, 3, 45]), problems: 2, meanWeight: 0.03),
            CemScore("gapped", Normal("path", [6, 4, 32]).Gapped(), problems: 3, meanWeight: 0.5),
            CemScore("large", Normal("path", [300, 5, 192]), problems: 1, meanWeight: null),
        ])
        {
            Members = [],
        };

        yield return new OpCase("CemRefit", NoFlops,
        [
            CemRefit("plain", 2, 37, 9, minStd: 0),
            CemRefit("wide", 1, 64, 300, minStd: 0.9f),
            CemRefit("large", 2, 300, 50, minStd: 0.05f),
        ])
        {
            Members = [],
        };
    }

    private static OpSample CemSample(string name, int problems, int count, int length, float bound) => Sample(
        name,
        [
            Normal("candidates", [problems, count, length]).Statistic(),
            Normal("mean", [problems, length]).Statistic(), Positive("std", [problems, length]).Statistic(),
        ],
        (scope, x) =>
        {
            CemState state = CemStateOf(scope, x[0], scope.Zeros([x[0].Shape[0], x[0].Shape[1]]), x[1], x[2], out Tensor[] written);
            x[0].Backend.CemSample(state with { Bound = bound });
            return written[0].To(scope.Device.Statistics);
        });

    private static OpSample CemRefit(string name, int problems, int count, int length, float minStd) => Sample(
        name, [Normal("candidates", [problems, count, length]).Statistic(), Normal("costs", [problems, count]).Statistic()],
        (scope, x) =>
        {
            Shape each = x[0].Shape.Without(1);
            CemState state = CemStateOf(scope, x[0], x[1], scope.Zeros(each), scope.Zeros(each), out Tensor[] written);
            x[0].Backend.CemRefit(state with { Elites = Math.Max(2, x[0].Shape[1] / 10), MinStd = minStd });
            return TensorOps.Concat(0, [.. written[2..].Select(tensor => tensor.Reshape(-1).To(scope.Device.Statistics))]);
        });

    private static OpSample CemScore(string name, OpInput path, int problems, double? meanWeight) => Sample(
        name, [path.Constant(), Normal("goals", [problems, path.Shape[^1]]).Constant()],
        (scope, x) =>
        {
            int goals = x[1].Shape[0];
            Tensor costs = scope.Empty([goals, x[0].Shape[0] / goals], DType.F32);
            x[0].Backend.CemScore(x[0].Operand, x[1].Operand, meanWeight, costs.Operand);
            return costs.To(scope.Device.Statistics);
        });

    /// <summary>The fourth iteration, before which the first problem saw a better candidate than any of these.</summary>
    private static CemState CemStateOf(TensorScope scope, Tensor candidates, Tensor costs, Tensor mean, Tensor std, out Tensor[] tensors)
    {
        int problems = mean.Shape[0];
        Tensor best = scope.Full([problems], double.PositiveInfinity, DType.F32);
        best.Backend.Fill(best.Slice(0, 0, 1).Operand, -10);
        Tensor keys = scope.FromRaw<long>([.. Enumerable.Range(0, 2 * problems).Select(i => 7L + i)], [problems, 2]);
        Tensor[] state = tensors = [Single(candidates), Single(costs), Single(mean), Single(std), best, scope.Zeros(mean.Shape, DType.F32)];
        return new CemState(state[0].Operand, state[1].Operand, state[2].Operand, state[3].Operand, state[4].Operand, state[5].Operand, keys.Operand,
            scope.FromRaw<long>([3], []).Operand);

        Tensor Single(Tensor x)
        {
            Tensor copy = scope.Empty(x.Shape, DType.F32);
            copy.CopyFrom(x);
            return copy;
        }
    }
}
