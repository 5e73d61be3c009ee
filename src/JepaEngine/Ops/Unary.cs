using JepaEngine.Autograd;
using JepaEngine.Backends;
using JepaEngine.Devices;
using JepaEngine.Tensors;

namespace JepaEngine.Ops;

public static partial class TensorOps
{
    /// <summary>x Φ(x) with the exact (erf) normal distribution function.</summary>
    public static Tensor Gelu(this Tensor x) => Unary(UnaryOp.Gelu, x);

    /// <summary>x / (1 + e^−x).</summary>
    public static Tensor Silu(this Tensor x) => Unary(UnaryOp.Silu, x);

    /// <summary>max(x, 0).</summary>
    public static Tensor Relu(this Tensor x) => Unary(UnaryOp.Relu, x);

    /// <summary>x².</summary>
    public static Tensor Square(this Tensor x) => Unary(UnaryOp.Square, x);

    /// <summary>√x.</summary>
    public static Tensor Sqrt(this Tensor x) => Unary(UnaryOp.Sqrt, x);

    /// <summary>|x|; its gradient at 0 is 0.</summary>
    public static Tensor Abs(this Tensor x) => Unary(UnaryOp.Abs, x);

    /// <summary>e^x.</summary>
    public static Tensor Exp(this Tensor x) => Unary(UnaryOp.Exp, x);

    private static Tensor Unary(UnaryOp op, Tensor x)
    {
        x = x.Contiguous();
        TensorScope scope = Op.Scope(op.ToString(), x);
        Tensor y = scope.Empty(x.Shape, x.DType);
        x.Backend.Unary(op, x.Operand, y.Operand);
        if (Op.IsRecorded(scope, out Tape? tape, x))
            tape.Record(y, dy => tape.Contribute(x, dx => x.Backend.UnaryGrad(op, x.Operand, dy.Operand, dx)));
        return y;
    }
}
