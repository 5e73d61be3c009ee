using System.Runtime.CompilerServices;

namespace JepaEngine.Primitives;

/// <summary>
/// Where a tensor's elements lie in its storage: a shape, a stride for each dimension and the offset of the first element,
/// all counted in elements. A stride of 0 repeats an element (broadcasting).
/// </summary>
public readonly struct Layout
{
    [InlineArray(Primitives.Shape.MaxRank)]
    private struct Strides
    {
        private long first;
    }

    private readonly Strides strides;

    /// <summary>A contiguous (row-major) layout.</summary>
    public Layout(in Shape shape, long offset = 0)
    {
        Shape = shape;
        Offset = offset;
        long stride = 1;
        for (int i = shape.Rank - 1; i >= 0; i--)
        {
            strides[i] = stride;
            stride *= shape[i];
        }
    }

    /// <summary>A layout with given strides.</summary>
    public Layout(in Shape shape, ReadOnlySpan<long> strides, long offset)
    {
        if (strides.Length != shape.Rank)
            throw new ArgumentException($"{shape} needs {shape.Rank} strides, not {strides.Length}", nameof(strides));
        Shape = shape;
        Offset = offset;
        for (int i = 0; i < strides.Length; i++)
            this.strides[i] = strides[i];
    }

    /// <summary>The lengths.</summary>
    public Shape Shape { get; }

    /// <summary>Index of the first element in the storage.</summary>
    public long Offset { get; }

    /// <summary>Stride of a dimension; a negative axis counts from the last.</summary>
    public long Stride(int axis) => strides[Shape.Axis(axis)];

    /// <summary>Whether the elements lie row-major without gaps.</summary>
    public bool IsContiguous
    {
        get
        {
            long expected = 1;
            for (int i = Shape.Rank - 1; i >= 0; i--)
            {
                if (Shape[i] == 1)
                    continue;
                if (strides[i] != expected)
                    return Shape.Count == 0;
                expected *= Shape[i];
            }
            return true;
        }
    }

    /// <summary>
    /// Sees the layout as rows of the last dimension: <c>rows</c> rows of <c>Shape[^1]</c> neighbouring elements, <c>stride</c> apart.
    /// </summary>
    /// <returns>False where the last dimension has gaps or the leading ones do not collapse to one stride.</returns>
    public bool TryRows(out long rows, out long stride)
    {
        rows = 1;
        stride = Shape.Rank == 0 ? 1 : Shape[^1];
        if (Shape.Rank == 0)
            return true;
        if (Shape.Count == 0)
        {
            rows = Shape.Without(-1).Count;
            return true;
        }
        if (strides[Shape.Rank - 1] != 1 && Shape[^1] > 1)
            return false;
        bool first = true;
        for (int i = Shape.Rank - 2; i >= 0; i--)
        {
            if (Shape[i] == 1)
                continue;
            if (first)
            {
                stride = strides[i];
                first = false;
            }
            else if (strides[i] != stride * rows)
            {
                return false;
            }
            rows *= Shape[i];
        }
        return true;
    }

    /// <summary>Another shape over the same elements.</summary>
    /// <returns>False where the elements have gaps that the new shape cannot express, so that a copy is needed.</returns>
    public bool TryReshape(in Shape shape, out Layout result)
    {
        if (IsContiguous)
        {
            result = new Layout(shape, Offset);
            return true;
        }
        // Dimensions of length 1 take no part, whatever their stride.
        Span<int> lengths = stackalloc int[Primitives.Shape.MaxRank];
        Span<long> steps = stackalloc long[Primitives.Shape.MaxRank], newStrides = stackalloc long[shape.Rank];
        int from = -1, to = shape.Rank - 1;
        for (int i = 0; i < Shape.Rank; i++)
        {
            if (Shape[i] == 1)
                continue;
            lengths[++from] = Shape[i];
            steps[from] = strides[i];
        }
        // Walk both shapes from the last dimension and match groups of equal products.
        result = default;
        while (to >= 0)
        {
            if (shape[to] == 1)
            {
                newStrides[to--] = 1;
                continue;
            }
            if (from < 0)
                return false;
            long available = lengths[from], inner = steps[from], used = 1;
            while (used < available && to >= 0)
            {
                newStrides[to] = inner * used;
                used *= shape[to--];
                while (used > available && from > 0)
                {
                    if (steps[from - 1] != steps[from] * lengths[from])
                        return false;
                    available *= lengths[--from];
                }
            }
            if (used != available)
                return false;
            from--;
        }
        result = new Layout(shape, newStrides, Offset);
        return true;
    }

    /// <summary>Two dimensions exchanged.</summary>
    public Layout Transpose(int axis1, int axis2)
    {
        Span<int> order = stackalloc int[Shape.Rank];
        for (int i = 0; i < order.Length; i++)
            order[i] = i;
        axis1 = Shape.Axis(axis1);
        axis2 = Shape.Axis(axis2);
        (order[axis1], order[axis2]) = (order[axis2], order[axis1]);
        return Permute(order);
    }

    /// <summary>The dimensions in another order: dimension i of the result is dimension <c>order[i]</c> of this one.</summary>
    /// <exception cref="ArgumentException"><paramref name="order"/> is no permutation.</exception>
    public Layout Permute(params ReadOnlySpan<int> order)
    {
        Span<int> lengths = stackalloc int[Shape.Rank];
        Span<long> newStrides = stackalloc long[Shape.Rank];
        int seen = 0;
        for (int i = 0; i < order.Length && order.Length == Shape.Rank; i++)
        {
            int axis = Shape.Axis(order[i]);
            seen |= 1 << axis;
            lengths[i] = Shape[axis];
            newStrides[i] = strides[axis];
        }
        if (seen != (1 << Shape.Rank) - 1)
            throw new ArgumentException($"[{string.Join(", ", order.ToArray())}] does not name each dimension of {Shape} once", nameof(order));
        return new Layout(new Shape(lengths), newStrides, Offset);
    }

    /// <summary>A range of one dimension.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves the dimension.</exception>
    public Layout Slice(int axis, int start, int length)
    {
        axis = Shape.Axis(axis);
        if (start < 0 || length < 0 || start > Shape[axis] - length)
            throw new ArgumentOutOfRangeException(nameof(start), $"slice [{start}, {start + (long)length}) leaves dimension {axis} of {Shape}");
        Span<long> same = stackalloc long[Shape.Rank];
        for (int i = 0; i < same.Length; i++)
            same[i] = strides[i];
        return new Layout(Shape.With(axis, length), same, Offset + start * strides[axis]);
    }

    /// <summary>Stretched to a larger shape by strides of 0.</summary>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    public Layout Broadcast(in Shape shape)
    {
        int missing = shape.Rank - Shape.Rank;
        Span<long> newStrides = stackalloc long[shape.Rank];
        for (int i = 0; i < shape.Rank; i++)
        {
            int axis = i - missing;
            int length = axis < 0 ? 1 : Shape[axis];
            if (missing < 0 || (length != 1 && length != shape[i]))
                throw new ArgumentException($"{Shape} does not broadcast to {shape}");
            newStrides[i] = axis < 0 || (length == 1 && shape[i] != 1) ? 0 : strides[axis];
        }
        return new Layout(shape, newStrides, Offset);
    }

    /// <summary>Index in the storage of the element with this row-major number.</summary>
    public long IndexOf(long element)
    {
        long index = Offset;
        for (int i = Shape.Rank - 1; i >= 0; i--)
        {
            int length = Shape[i];
            index += element % length * strides[i];
            element /= length;
        }
        return index;
    }
}
