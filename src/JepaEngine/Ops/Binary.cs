using JepaEngine.Autograd;
using JepaEngine.Backends;
using JepaEngine.Devices;
using JepaEngine.Tensors;

namespace JepaEngine.Ops;

public static partial class TensorOps
{
    extension(Tensor)
    {
        /// <summary>Elementwise sum; shapes broadcast.</summary>
        public static Tensor operator +(Tensor a, Tensor b) => Binary(BinaryOp.Add, a, b);

        /// <summary>Elementwise difference; shapes broadcast.</summary>
        public static Tensor operator -(Tensor a, Tensor b) => Binary(BinaryOp.Subtract, a, b);

        /// <summary>Elementwise product; shapes broadcast.</summary>
        public static Tensor operator *(Tensor a, Tensor b) => Binary(BinaryOp.Multiply, a, b);

        /// <summary>Elementwise quotient; shapes broadcast.</summary>
        public static Tensor operator /(Tensor a, Tensor b) => Binary(BinaryOp.Divide, a, b);

        /// <summary>x + shift.</summary>
        public static Tensor operator +(Tensor x, double shift) => x.Affine(1, shift);

        /// <summary>x − shift.</summary>
        public static Tensor operator -(Tensor x, double shift) => x.Affine(1, -shift);

        /// <summary>x · scale.</summary>
        public static Tensor operator *(Tensor x, double scale) => x.Affine(scale, 0);

        /// <summary>x · scale.</summary>
        public static Tensor operator *(double scale, Tensor x) => x.Affine(scale, 0);

        /// <summary>x / divisor.</summary>
        public static Tensor operator /(Tensor x, double divisor) => x.Affine(1 / divisor, 0);

        /// <summary>−x.</summary>
        public static Tensor operator -(Tensor x) => x.Affine(-1, 0);
    }

    /// <summary>x · scale + shift.</summary>
    public static Tensor Affine(this Tensor x, double scale, double shift)
    {
        TensorScope scope = Op.Scope("Affine", x);
        Tensor y = scope.Empty(x.Shape, x.DType);
        x.Backend.Affine(x.Operand, scale, shift, y.Operand);
        if (Op.IsRecorded(scope, out Tape? tape, x))
            tape.Record(y, dy => tape.Contribute(x, dx => x.Backend.Affine(dy.Operand, scale, 0, dx)));
        return y;
    }

    /// <summary>residual + gate · x, elementwise; equal shapes. The step of an AdaLN-zero block.</summary>
    /// <exception cref="ArgumentException">The shapes differ.</exception>
    public static Tensor GatedAdd(this Tensor residual, Tensor gate, Tensor x)
    {
        Op.Require(residual.Shape == gate.Shape && gate.Shape == x.Shape,
            $"GatedAdd: residual {residual.Shape}, gate {gate.Shape} and x {x.Shape} differ");
        TensorScope scope = Op.Scope("GatedAdd", residual, gate, x);
        residual = Op.Rows(residual);
        gate = Op.Rows(gate);
        x = Op.Rows(x);
        Tensor y = scope.Empty(x.Shape, x.DType);
        x.Backend.GatedAdd(residual.Operand, gate.Operand, x.Operand, y.Operand);
        if (Op.IsRecorded(scope, out Tape? tape, residual, gate, x))
        {
            tape.Record(y, dy =>
            {
                tape.Contribute(gate, dgate => x.Backend.Binary(BinaryOp.Multiply, dy.Operand, x.Operand, dgate));
                tape.Contribute(x, dx => x.Backend.Binary(BinaryOp.Multiply, dy.Operand, gate.Operand, dx));
                tape.Give(residual, dy);
            });
        }
        return y;
    }

    private static Tensor Binary(BinaryOp op, Tensor a, Tensor b)
    {
        Op.Require(Shape.TryBroadcast(a.Shape, b.Shape, out Shape shape), $"{op}: {a.Shape} and {b.Shape} do not broadcast to one shape");
        TensorScope scope = Op.Scope(op.ToString(), a, b);
        Tensor y = scope.Empty(shape, a.DType);
        Operand left = a.Operand with { Layout = a.Layout.Broadcast(shape) };
        Operand right = b.Operand with { Layout = b.Layout.Broadcast(shape) };
        Backend backend = a.Backend;
        backend.Binary(op, left, right, y.Operand);
        if (!Op.IsRecorded(scope, out Tape? tape, a, b))
            return y;
        tape.Record(y, dy =>
        {
            if (b.RequiresGrad && op != BinaryOp.Add)
            {
                // dy · ∂/∂b: −1, a or −y/b.
                Tensor part = tape.Empty(shape, y.DType);
                switch (op)
                {
                    case BinaryOp.Subtract:
                        backend.Affine(dy.Operand, -1, 0, part.Operand);
                        break;
                    case BinaryOp.Multiply:
                        backend.Binary(BinaryOp.Multiply, dy.Operand, left, part.Operand);
                        break;
                    default:
                        backend.Binary(BinaryOp.Multiply, dy.Operand, y.Operand, part.Operand);
                        backend.Binary(BinaryOp.Divide, part.Operand, right, part.Operand);
                        backend.Affine(part.Operand, -1, 0, part.Operand);
                        break;
                }
                AddReduced(tape, b, part.Operand);
                part.Release();
            }
            else
            {
                AddReduced(tape, b, dy.Operand);
            }
            if (!a.RequiresGrad)
                return;
            if (op is BinaryOp.Add or BinaryOp.Subtract)
            {
                if (a.Shape == shape)
                    tape.Give(a, dy);
                else
                    AddReduced(tape, a, dy.Operand);
                return;
            }
            Tensor quotient = tape.Empty(shape, y.DType);
            backend.Binary(op, dy.Operand, right, quotient.Operand);
            AddReduced(tape, a, quotient.Operand);
            quotient.Release();
        });
        return y;
    }
}
