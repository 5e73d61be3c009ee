using JepaEngine.Autograd;
using JepaEngine.Backends;
using JepaEngine.Devices;
using JepaEngine.Tensors;

namespace JepaEngine.Ops;

public static partial class TensorOps
{
    /// <summary>The mean of (prediction − target)².</summary>
    /// <exception cref="ArgumentException">The shapes differ, or are empty.</exception>
    public static Tensor MeanSquaredError(this Tensor prediction, Tensor target) => Loss(LossKind.MeanSquared, prediction, target);

    /// <summary>The mean of |prediction − target|.</summary>
    /// <exception cref="ArgumentException">The shapes differ, or are empty.</exception>
    public static Tensor L1Loss(this Tensor prediction, Tensor target) => Loss(LossKind.L1, prediction, target);

    /// <summary>The mean of d²/2 where |d| &lt; 1, else |d| − 1/2, with d = prediction − target.</summary>
    /// <exception cref="ArgumentException">The shapes differ, or are empty.</exception>
    public static Tensor SmoothL1Loss(this Tensor prediction, Tensor target) => Loss(LossKind.SmoothL1, prediction, target);

    private static Tensor Loss(LossKind kind, Tensor prediction, Tensor target)
    {
        Op.Require(prediction.Shape == target.Shape, $"{kind} loss: prediction {prediction.Shape} and target {target.Shape} differ");
        Op.Require(prediction.Shape.Count > 0, $"{kind} loss: {prediction.Shape} has nothing to average");
        TensorScope scope = Op.Scope($"{kind} loss", prediction, target);
        prediction = Op.Rows(prediction);
        target = Op.Rows(target);
        Tensor y = scope.Empty([], scope.Device.Statistics);
        Backend backend = y.Backend;
        backend.Loss(kind, prediction.Operand, target.Operand, y.Operand);
        if (Op.IsRecorded(scope, out Tape? tape, prediction, target))
        {
            tape.Record(y, dy =>
            {
                tape.Contribute(prediction, d => backend.LossGrad(kind, prediction.Operand, target.Operand, dy.Operand, d));
                tape.Contribute(target, d => backend.LossGrad(kind, target.Operand, prediction.Operand, dy.Operand, d));
            });
        }
        return y;
    }
}
