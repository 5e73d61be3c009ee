using JepaEngine.Autograd;
using JepaEngine.Backends;
using JepaEngine.Devices;
using JepaEngine.Tensors;

namespace JepaEngine.Ops;

public static partial class TensorOps
{
    /// <summary>
    /// (x − mean)/√(var + eps) over the last dimension, times weight [D] plus bias [D] where they are given.
    /// </summary>
    /// <exception cref="ArgumentException">Weight or bias do not fit, or only one is given.</exception>
    public static Tensor LayerNorm(this Tensor x, Tensor? weight, Tensor? bias, double eps)
    {
        Op.Require(weight is null == bias is null && (weight is null || (weight.Shape == [x.Shape[^1]] && bias!.Shape == weight.Shape)),
            $"LayerNorm: x {x.Shape} needs weight and bias [{x.Shape[^1]}] or neither, not {weight?.Shape} and {bias?.Shape}");
        TensorScope scope = Op.Scope("LayerNorm", x, weight, bias);
        x = Op.Rows(x);
        weight = weight?.Contiguous();
        bias = bias?.Contiguous();
        Tensor y = scope.Empty(x.Shape, x.DType), mean = scope.Empty(x.Shape.With(-1, 1), scope.Device.Statistics), rstd = scope.Empty(mean.Shape, mean.DType);
        Backend backend = x.Backend;
        backend.LayerNorm(x.Operand, weight?.Operand, bias?.Operand, eps, y.Operand, mean.Operand, rstd.Operand);
        if (Op.IsRecorded(scope, out Tape? tape, x, weight, bias))
        {
            tape.Record(y, dy =>
            {
                // The kernel writes all three gradients in one pass, so those that nobody asked for get scratch.
                using var scratch = new GradScratch(tape);
                Operand dx = scratch.For(x, out bool accumulate);
                Operand? dweight = weight is null ? null : scratch.Fresh(weight);
                Operand? dbias = bias is null ? null : scratch.Fresh(bias);
                backend.LayerNormGrad(x.Operand, weight?.Operand, mean.Operand, rstd.Operand, dy.Operand, dx, accumulate, dweight, dbias);
            });
        }
        return y;
    }
}
