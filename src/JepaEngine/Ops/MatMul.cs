using JepaEngine.Autograd;
using JepaEngine.Backends;
using JepaEngine.Devices;
using JepaEngine.Tensors;

namespace JepaEngine.Ops;

public static partial class TensorOps
{
    /// <summary>
    /// a [.., M, K] · b [K, N], or batched with equal leading dimensions, a [.., M, K] · b [.., K, N]. A transposed operand is
    /// <c>b.Transpose(-1, -2)</c>; it is not copied.
    /// </summary>
    /// <exception cref="ArgumentException">The inner or the leading dimensions differ.</exception>
    public static Tensor MatMul(this Tensor a, Tensor b)
    {
        Op.Require(a.Shape.Rank >= 2 && b.Shape.Rank >= 2 && a.Shape[^1] == b.Shape[^2],
            $"MatMul: {a.Shape} and {b.Shape} have different inner dimensions; transpose one of them?");
        if (b.Shape.Rank == 2 && a.Shape.Rank > 2)
        {
            Shape shape = a.Shape.With(-1, b.Shape[^1]);
            return a.Reshape(-1, a.Shape[^1]).MatMul(b).Reshape(shape.ToArray());
        }
        Op.Require(a.Shape.With(-1, 0).With(-2, 0) == b.Shape.With(-1, 0).With(-2, 0),
            $"MatMul: {a.Shape} and {b.Shape} have different leading dimensions");
        TensorScope scope = Op.Scope("MatMul", a, b);
        Tensor left = Batchable(a), right = Batchable(b);
        Tensor y = scope.Empty(a.Shape.With(-1, b.Shape[^1]), a.DType);
        Backend backend = y.Backend;
        backend.MatMul(Batched(left.Operand), Batched(right.Operand), Batched(y.Operand), default);
        if (Op.IsRecorded(scope, out Tape? tape, left, right))
        {
            tape.Record(y, dy =>
            {
                Operand d = Batched(dy.Operand);
                tape.Accumulate(left, (in Operand dleft, bool accumulate) => Product(
                    backend, d, Op.Transposed(Batched(right.Operand)), Batched(dleft), accumulate));
                tape.Accumulate(right, (in Operand dright, bool accumulate) => Product(
                    backend, Op.Transposed(Batched(left.Operand)), d, Batched(dright), accumulate));
            });
        }
        return y;
    }

    /// <summary>
    /// residual + activation(x [.., K] · weightᵀ + bias) with weight [N, K], as PyTorch's Linear keeps it, bias [N] and residual [.., N].
    /// </summary>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    public static Tensor Linear(this Tensor x, Tensor weight, Tensor? bias = null, Activation activation = Activation.None, Tensor? residual = null)
    {
        Op.Require(weight.Shape.Rank == 2 && x.Shape.Rank >= 1 && x.Shape[^1] == weight.Shape[1],
            $"Linear: x {x.Shape} does not end with the {(weight.Shape.Rank == 2 ? weight.Shape[1] : 0)} inputs of weight {weight.Shape}");
        Shape shape = x.Shape.With(-1, weight.Shape[0]);
        Op.Require(bias is null || bias.Shape == [weight.Shape[0]], $"Linear: bias {bias?.Shape} does not fit weight {weight.Shape}");
        Op.Require(residual is null || residual.Shape == shape, $"Linear: residual {residual?.Shape} is not the output's {shape}");
        TensorScope scope = Op.Scope("Linear", x, weight, bias, residual);
        x = Op.Rows(x);
        residual = residual is null ? null : Op.Rows(residual);
        weight = WithUnitStride(weight);
        bias = bias?.Contiguous();
        Tensor y = scope.Empty(shape, x.DType);
        Backend backend = y.Backend;
        bool recorded = Op.IsRecorded(scope, out Tape? tape, x, weight, bias, residual);
        Tensor? derivative = recorded && activation != Activation.None ? scope.Empty(shape, x.DType) : null;
        backend.MatMul(Op.Matrix(x), Op.Transposed(weight.Operand), Op.Matrix(y), new Epilogue
        {
            Bias = bias?.Operand, Activation = activation,
            Derivative = derivative is null ? null : Op.Matrix(derivative),
            Residual = residual is null ? null : Op.Matrix(residual),
        });
        if (recorded)
        {
            tape!.Record(y, dy =>
            {
                Tensor d = dy;
                if (derivative is not null)
                {
                    d = tape.Empty(shape, x.DType);
                    backend.Binary(BinaryOp.Multiply, dy.Operand, derivative.Operand, d.Operand);
                }
                LinearGrad(tape, x, weight, bias, Op.Matrix(d));
                if (derivative is not null)
                    d.Release();
                if (residual is not null)
                    tape.Give(residual, dy);
            });
        }
        return y;
    }

    /// <summary>
    /// residual + gelu(x · weight1ᵀ + bias1) · weight2ᵀ + bias2: a transformer's MLP in two products forward and four backward, with the activation
    /// and its gradient inside them. weight1 [H, D], weight2 [N, H].
    /// </summary>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    public static Tensor Mlp(this Tensor x, Tensor weight1, Tensor bias1, Tensor weight2, Tensor bias2, Tensor? residual = null)
    {
        int hidden = weight1.Shape[0];
        Op.Require(weight1.Shape.Rank == 2 && weight2.Shape.Rank == 2 && x.Shape[^1] == weight1.Shape[1] && weight2.Shape[1] == hidden
            && bias1.Shape == [hidden] && bias2.Shape == [weight2.Shape[0]],
            $"Mlp: x {x.Shape}, weights {weight1.Shape} and {weight2.Shape}, biases {bias1.Shape} and {bias2.Shape} do not fit");
        Shape shape = x.Shape.With(-1, weight2.Shape[0]);
        Op.Require(residual is null || residual.Shape == shape, $"Mlp: residual {residual?.Shape} is not the output's {shape}");
        TensorScope scope = Op.Scope("Mlp", x, weight1, bias1, weight2, bias2, residual);
        x = Op.Rows(x);
        residual = residual is null ? null : Op.Rows(residual);
        (weight1, weight2) = (WithUnitStride(weight1), WithUnitStride(weight2));
        (bias1, bias2) = (bias1.Contiguous(), bias2.Contiguous());
        Tensor y = scope.Empty(shape, x.DType);
        Backend backend = y.Backend;
        bool recorded = Op.IsRecorded(scope, out Tape? tape, x, weight1, bias1, weight2, bias2, residual);
        Tensor h = scope.Empty(x.Shape.With(-1, hidden), x.DType);
        Tensor? derivative = recorded ? scope.Empty(h.Shape, h.DType) : null;
        backend.MatMul(Op.Matrix(x), Op.Transposed(weight1.Operand), Op.Matrix(h), new Epilogue
        {
            Bias = bias1.Operand, Activation = Activation.Gelu,
            Derivative = derivative is null ? null : Op.Matrix(derivative),
        });
        backend.MatMul(Op.Matrix(h), Op.Transposed(weight2.Operand), Op.Matrix(y), new Epilogue
        {
            Bias = bias2.Operand, Residual = residual is null ? null : Op.Matrix(residual),
        });
        if (!recorded)
        {
            h.Release();
            return y;
        }
        tape!.Record(y, dy =>
        {
            Tensor dh = tape.Empty(h.Shape, h.DType);
            backend.MatMul(Op.Matrix(dy), weight2.Operand, Op.Matrix(dh), new Epilogue { Multiplier = Op.Matrix(derivative!) });
            WeightGrad(tape, h, weight2, bias2, Op.Matrix(dy));
            LinearGrad(tape, x, weight1, bias1, Op.Matrix(dh));
            dh.Release();
            if (residual is not null)
                tape.Give(residual, dy);
        });
        return y;
    }

    private static void LinearGrad(Tape tape, Tensor x, Tensor weight, Tensor? bias, Operand dy)
    {
        WeightGrad(tape, x, weight, bias, dy);
        tape.Accumulate(x, (in Operand dx, bool accumulate) => Product(x.Backend, dy, weight.Operand, Op.Matrix(dx), accumulate));
    }

    private static void WeightGrad(Tape tape, Tensor x, Tensor weight, Tensor? bias, Operand dy)
    {
        tape.Accumulate(weight, (in Operand dweight, bool accumulate) =>
            Product(x.Backend, Op.Transposed(dy), Op.Matrix(x), dweight, accumulate));
        if (bias is not null)
            tape.Contribute(bias, dbias => x.Backend.Sum(dy, 1, dbias with { Layout = new Layout([1, dy.Shape[^1]], dbias.Layout.Offset) }));
    }

    private static void Product(Backend backend, in Operand a, in Operand b, in Operand destination, bool accumulate) =>
        backend.MatMul(a, b, destination, new Epilogue { Residual = accumulate ? destination : null });

    private static Tensor WithUnitStride(Tensor x) =>
        x.Layout.Stride(-1) == 1 || x.Layout.Stride(-2) == 1 ? x : x.Contiguous();

    /// <summary>The tensor itself if <see cref="Batched"/> can fold it, else a contiguous copy.</summary>
    private static Tensor Batchable(Tensor x)
    {
        x = WithUnitStride(x);
        return x.Shape.Rank <= 3 || x.Layout.TryReshape(Folded(x.Shape), out _) ? x : x.Contiguous();
    }

    /// <summary>An operand with its leading dimensions folded into one, where there are several.</summary>
    private static Operand Batched(in Operand x)
    {
        if (x.Shape.Rank <= 3)
            return x;
        x.Layout.TryReshape(Folded(x.Shape), out Layout layout);
        return x with { Layout = layout };
    }

    private static Shape Folded(in Shape shape)
    {
        int batch = 1;
        for (int i = 0; i < shape.Rank - 2; i++)
            batch *= shape[i];
        return [batch, shape[^2], shape[^1]];
    }
}
