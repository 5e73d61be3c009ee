using JepaEngine.Autograd;
using JepaEngine.Backends;
using JepaEngine.Devices;
using JepaEngine.Tensors;

namespace JepaEngine.Ops;

public static partial class TensorOps
{
    /// <summary>AdaLN: x̂ · (1 + scale) + shift with x̂ the normalised x; all of one shape.</summary>
    /// <exception cref="ArgumentException">The shapes differ.</exception>
    public static Tensor AdaLayerNorm(this Tensor x, Tensor shift, Tensor scale, double eps)
    {
        Op.Require(x.Shape == shift.Shape && x.Shape == scale.Shape, $"AdaLayerNorm: x {x.Shape}, shift {shift.Shape} and scale {scale.Shape} differ");
        TensorScope scope = Op.Scope("AdaLayerNorm", x, shift, scale);
        x = Op.Rows(x);
        shift = Op.Rows(shift);
        scale = Op.Rows(scale);
        Tensor y = scope.Empty(x.Shape, x.DType), mean = scope.Empty(x.Shape.With(-1, 1), scope.Device.Statistics), rstd = scope.Empty(mean.Shape, mean.DType);
        Backend backend = x.Backend;
        backend.AdaLayerNorm(x.Operand, shift.Operand, scale.Operand, eps, y.Operand, mean.Operand, rstd.Operand);
        if (Op.IsRecorded(scope, out Tape? tape, x, shift, scale))
        {
            tape.Record(y, dy =>
            {
                using var scratch = new GradScratch(tape);
                Operand dx = scratch.For(x, out bool accumulate);
                backend.AdaLayerNormGrad(x.Operand, scale.Operand, mean.Operand, rstd.Operand, dy.Operand, dx, accumulate,
                    scratch.Fresh(shift), scratch.Fresh(scale));
            });
        }
        return y;
    }
}
