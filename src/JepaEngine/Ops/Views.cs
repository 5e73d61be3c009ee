using JepaEngine.Autograd;
using JepaEngine.Backends;
using JepaEngine.Devices;
using JepaEngine.Tensors;

namespace JepaEngine.Ops;

/// <summary>Operations on tensors: each validates, allocates in the youngest scope of its inputs, calls the backend and records its gradient.</summary>
public static partial class TensorOps
{
    /// <summary>The same tensor in another scope, so that what is computed from it alone is made there; for parameters.</summary>
    /// <exception cref="ArgumentException">The scope is on another device.</exception>
    public static Tensor Use(this TensorScope scope, Tensor x)
    {
        Op.Require(x.Device == scope.Device,
            $"Use: {x} is not on the scope's device {scope.Device}{Device.OfOneName(x.Device, scope.Device)}");
        return View(scope, x, x.Layout, (tape, dy) => tape.Give(x, dy));
    }

    /// <summary>Another shape over the same elements; copies only where gaps force it. One dimension may be −1: what remains.</summary>
    /// <exception cref="ArgumentException">The shapes hold different numbers of elements.</exception>
    public static Tensor Reshape(this Tensor x, params ReadOnlySpan<int> dimensions)
    {
        Shape shape = Infer(x.Shape, dimensions);
        return x.Layout.TryReshape(shape, out Layout layout)
            ? View(Op.ScopeWithRaw("Reshape", x), x, layout, (tape, dy) => tape.Give(x, Relayout(tape, dy, x.Shape)))
            : x.Contiguous().Reshape(dimensions);
    }

    /// <summary>Two dimensions exchanged; a view.</summary>
    public static Tensor Transpose(this Tensor x, int axis1, int axis2) => View(
        Op.ScopeWithRaw("Transpose", x), x, x.Layout.Transpose(axis1, axis2),
        (tape, dy) => tape.Add(x, dy.Operand with { Layout = dy.Layout.Transpose(axis1, axis2) }));

    /// <summary>The dimensions in another order (dimension i of the result is <c>order[i]</c> of x); a view.</summary>
    /// <exception cref="ArgumentException"><paramref name="order"/> is no permutation.</exception>
    public static Tensor Permute(this Tensor x, params int[] order) => View(
        Op.ScopeWithRaw("Permute", x), x, x.Layout.Permute(order),
        (tape, dy) =>
        {
            int[] inverse = new int[order.Length];
            for (int i = 0; i < order.Length; i++)
                inverse[x.Shape.Axis(order[i])] = i;
            tape.Add(x, dy.Operand with { Layout = dy.Layout.Permute(inverse) });
        });

    /// <summary>The elements start … start+length−1 of a dimension; a view.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves the dimension.</exception>
    public static Tensor Slice(this Tensor x, int axis, int start, int length) => View(
        Op.ScopeWithRaw("Slice", x), x, x.Layout.Slice(axis, start, length),
        (tape, dy) =>
        {
            if (tape.StartGrad(x, out Tensor grad))
                grad.Backend.Fill(grad.Operand, 0);
            Operand range = grad.Operand with { Layout = grad.Layout.Slice(axis, start, length) };
            grad.Backend.Binary(BinaryOp.Add, range, dy.Operand, range);
        });

    /// <summary>One index of a dimension, which goes away; a view. A negative index counts from the end.</summary>
    public static Tensor Select(this Tensor x, int axis, int index) =>
        x.Slice(axis, index < 0 ? index + x.Shape[axis] : index, 1).Reshape(x.Shape.Without(axis).ToArray());

    /// <summary>Stretched to a larger shape without copying: dimensions are aligned at the last one, and 1 stretches.</summary>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    public static Tensor Broadcast(this Tensor x, Shape shape) => View(
        Op.ScopeWithRaw("Broadcast", x), x, x.Layout.Broadcast(shape), (tape, dy) => AddReduced(tape, x, dy.Operand));

    /// <summary>The tensor itself if its elements lie row-major without gaps, else a copy that does.</summary>
    public static Tensor Contiguous(this Tensor x)
    {
        if (x.Layout.IsContiguous)
            return x;
        TensorScope scope = Op.ScopeWithRaw("Contiguous", x, x);
        Tensor y = scope.Empty(x.Shape, x.DType);
        x.Backend.Copy(x.Operand, y.Operand);
        if (Op.IsRecorded(scope, out Tape? tape, x))
            tape.Record(y, dy => tape.Give(x, dy));
        return y;
    }

    /// <summary>Joins tensors along a dimension; all others are equal.</summary>
    /// <exception cref="ArgumentException">No tensors, or their other dimensions differ.</exception>
    public static Tensor Concat(int axis, params Tensor[] parts)
    {
        Op.Require(parts.Length > 0, $"Concat: there is nothing to join");
        Shape shape = parts[0].Shape;
        axis = shape.Axis(axis);
        int total = 0;
        foreach (Tensor part in parts)
        {
            Op.Require(part.Shape.Rank == shape.Rank && part.Shape.With(axis, 0) == shape.With(axis, 0),
                $"Concat: {shape} and {part.Shape} differ in a dimension other than {axis}");
            total += part.Shape[axis];
        }
        TensorScope scope = Op.Scope("Concat", parts);
        Tensor y = scope.Empty(shape.With(axis, total), parts[0].DType);
        int start = 0;
        foreach (Tensor part in parts)
        {
            y.Backend.Copy(part.Operand, y.Operand with { Layout = y.Layout.Slice(axis, start, part.Shape[axis]) });
            start += part.Shape[axis];
        }
        if (Op.IsRecorded(scope, out Tape? tape, parts))
        {
            tape.Record(y, dy =>
            {
                int at = 0;
                foreach (Tensor part in parts)
                {
                    tape.Add(part, dy.Operand with { Layout = dy.Layout.Slice(axis, at, part.Shape[axis]) });
                    at += part.Shape[axis];
                }
            });
        }
        return y;
    }

    /// <summary>The same numbers without a gradient: a target that nothing flows back to.</summary>
    public static Tensor Detach(this Tensor x) => x.View(x.Scope, x.Layout);

    /// <summary>The tensor in another dtype; itself where it has that dtype already. The gradient is converted back.</summary>
    public static Tensor To(this Tensor x, DType dtype)
    {
        if (x.DType == dtype)
            return x;
        Tensor y = x.Scope.Empty(x.Shape, dtype);
        x.Backend.Copy(x.Operand, y.Operand);
        if (Op.IsRecorded(x.Scope, out Tape? tape, x))
            tape.Record(y, dy => tape.Contribute(x, dx => dy.Backend.Copy(dy.Operand, dx)));
        return y;
    }

    /// <summary>Adds a gradient to an input that was broadcast to the gradient's shape: sums over the stretched dimensions.</summary>
    private static void AddReduced(Tape tape, Tensor input, Operand gradient)
    {
        if (!input.RequiresGrad)
            return;
        if (input.Shape == gradient.Shape)
        {
            tape.Add(input, gradient);
            return;
        }
        tape.Contribute(input, destination => input.Backend.Sum(gradient, 1, destination with
        {
            Layout = new Layout(Padded(input.Shape, gradient.Shape.Rank), destination.Layout.Offset),
        }));
    }

    private static Shape Padded(in Shape shape, int rank)
    {
        Span<int> lengths = stackalloc int[rank];
        lengths.Fill(1);
        shape.CopyTo(lengths[(rank - shape.Rank)..]);
        return new Shape(lengths);
    }

    private static Tensor View(TensorScope scope, Tensor x, in Layout layout, Action<Tape, Tensor> backward)
    {
        Tensor y = x.View(scope, layout);
        if (Op.IsRecorded(scope, out Tape? tape, x))
            tape.Record(y, dy => backward(tape, dy));
        return y;
    }

    /// <summary>A gradient in another shape. Gradients are contiguous, so this never copies; the memory's owner stays the same.</summary>
    private static Tensor Relayout(Tape tape, Tensor gradient, in Shape shape)
    {
        gradient.Layout.TryReshape(shape, out Layout layout);
        return gradient.View(tape, layout);
    }

    private static Shape Infer(in Shape from, ReadOnlySpan<int> dimensions)
    {
        Span<int> lengths = stackalloc int[dimensions.Length];
        dimensions.CopyTo(lengths);
        int unknown = lengths.IndexOf(-1);
        if (unknown >= 0)
        {
            long known = 1;
            for (int i = 0; i < lengths.Length; i++)
                known *= i == unknown ? 1 : lengths[i];
            lengths[unknown] = known > 0 ? (int)(from.Count / known) : 0;
        }
        var shape = new Shape(lengths);
        Op.Require(shape.Count == from.Count, $"Reshape: {from} has {from.Count} elements, {shape} {shape.Count}");
        return shape;
    }
}
