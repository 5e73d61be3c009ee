using JepaEngine.Autograd;
using JepaEngine.Devices;
using JepaEngine.Tensors;

namespace JepaEngine.Ops;

public static partial class TensorOps
{
    /// <summary>The sum over the named dimensions (all, if none is named), which stay with length 1 where <paramref name="keep"/> is set.</summary>
    public static Tensor Sum(this Tensor x, ReadOnlySpan<int> axes = default, bool keep = false) => Reduce("Sum", x, axes, keep, mean: false);

    /// <summary>The mean over the named dimensions (all, if none is named), which stay with length 1 where <paramref name="keep"/> is set.</summary>
    /// <exception cref="ArgumentException">There is nothing to average.</exception>
    public static Tensor Mean(this Tensor x, ReadOnlySpan<int> axes = default, bool keep = false) => Reduce("Mean", x, axes, keep, mean: true);

    private static Tensor Reduce(string operation, Tensor x, ReadOnlySpan<int> axes, bool keep, bool mean)
    {
        TensorScope scope = Op.Scope(operation, x);
        bool all = axes.IsEmpty;
        Span<int> kept = stackalloc int[x.Shape.Rank], left = stackalloc int[x.Shape.Rank];
        x.Shape.CopyTo(kept);
        for (int i = 0; i < kept.Length && all; i++)
            kept[i] = 1;
        foreach (int axis in axes)
            kept[x.Shape.Axis(axis)] = 1;
        int rank = 0;
        for (int i = 0; i < kept.Length; i++)
            if (!all && !Names(axes, i, x.Shape))
                left[rank++] = kept[i];
        var keptShape = new Shape(kept);
        double count = keptShape.Count == 0 ? 0 : x.Shape.Count / (double)keptShape.Count;
        Op.Require(!mean || count > 0, $"Mean: {x.Shape} has nothing to average");
        double scale = mean ? 1 / count : 1;
        Tensor y = scope.Empty(keep ? keptShape : new Shape(left[..rank]), x.DType);
        x.Backend.Sum(x.Operand, scale, y.Operand with { Layout = new Layout(keptShape) });
        if (Op.IsRecorded(scope, out Tape? tape, x))
        {
            tape.Record(y, dy => tape.Contribute(x, dx => x.Backend.Affine(
                dy.Operand with { Layout = new Layout(keptShape, dy.Layout.Offset).Broadcast(x.Shape) }, scale, 0, dx)));
        }
        return y;
    }

    private static bool Names(ReadOnlySpan<int> axes, int axis, in Shape shape)
    {
        foreach (int named in axes)
            if (shape.Axis(named) == axis)
                return true;
        return false;
    }
}
