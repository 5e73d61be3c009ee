using JepaEngine.Autograd;
using JepaEngine.Backends;
using JepaEngine.Devices;
using JepaEngine.Tensors;

namespace JepaEngine.Ops;

public static partial class TensorOps
{
    /// <summary>
    /// BatchNorm1d over all but the last dimension of x [.., C]. In training it uses the batch's statistics (and their gradient) and moves the
    /// running ones; else it uses the running ones.
    /// </summary>
    /// <exception cref="ArgumentException">A parameter is not [C], or there are fewer than two rows to train on.</exception>
    public static Tensor BatchNorm(this Tensor x, Tensor weight, Tensor bias, Tensor runningMean, Tensor runningVariance,
        bool training, double momentum = 0.1, double eps = 1e-5)
    {
        Shape channels = [x.Shape[^1]];
        Op.Require(weight.Shape == channels && bias.Shape == channels && runningMean.Shape == channels && runningVariance.Shape == channels,
            $"BatchNorm: x {x.Shape} needs parameters {channels}, not {weight.Shape}");
        Op.Require(!training || x.Shape.Count == 0 || x.Shape.Count > x.Shape[^1],
            $"BatchNorm: {x.Shape} has one row; training needs at least two to have a variance");
        Op.Require(runningMean.Layout.IsContiguous && runningVariance.Layout.IsContiguous, $"BatchNorm: the running statistics have gaps; they are moved in place");
        Op.Require(runningMean.DType == x.Device.Statistics && runningVariance.DType == runningMean.DType,
            $"BatchNorm: {runningMean} is not in the {x.Device.Statistics} statistics are kept in");
        Op.ScopeWithRaw("BatchNorm", x, runningMean, runningVariance);
        TensorScope scope = Op.Scope("BatchNorm", x, weight, bias);
        x = x.Contiguous();
        weight = weight.Contiguous();
        bias = bias.Contiguous();
        Tensor y = scope.Empty(x.Shape, x.DType);
        Backend backend = x.Backend;
        if (!training)
        {
            Op.Require(!Op.IsRecorded(scope, out _, x, weight, bias), $"BatchNorm: no gradient flows through running statistics; train with the batch's");
            backend.BatchNormInference(Op.Matrix(x), weight.Operand, bias.Operand, runningMean.Operand, runningVariance.Operand, eps, Op.Matrix(y));
            return y;
        }
        Tensor mean = scope.Empty(channels, scope.Device.Statistics), rstd = scope.Empty(channels, mean.DType);
        backend.BatchNorm(Op.Matrix(x), weight.Operand, bias.Operand, runningMean.Operand, runningVariance.Operand, momentum, eps,
            Op.Matrix(y), mean.Operand, rstd.Operand);
        if (Op.IsRecorded(scope, out Tape? tape, x, weight, bias))
        {
            tape.Record(y, dy =>
            {
                using var scratch = new GradScratch(tape);
                backend.BatchNormGrad(Op.Matrix(x), weight.Operand, mean.Operand, rstd.Operand, Op.Matrix(dy),
                    Op.Matrix(scratch.Fresh(x)), scratch.Fresh(weight), scratch.Fresh(bias));
            });
        }
        return y;
    }
}
