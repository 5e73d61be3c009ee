using System.Runtime.CompilerServices;

namespace JepaEngine.Primitives;

/// <summary>The lengths of a tensor's dimensions, outermost first; at most <see cref="MaxRank"/> of them. Rank 0 is a scalar.</summary>
[CollectionBuilder(typeof(Shape), nameof(Create))]
public readonly struct Shape : IEquatable<Shape>
{
    /// <summary>The most dimensions a tensor may have.</summary>
    public const int MaxRank = 6;

    /// <summary>So that the bytes of 8-byte elements still count in a long.</summary>
    private const long MaxCount = long.MaxValue / 8;

    [InlineArray(MaxRank)]
    private struct Dimensions
    {
        private int first;
    }

    private readonly Dimensions dimensions;

    /// <summary>A shape from its dimensions.</summary>
    /// <exception cref="ArgumentException">More than <see cref="MaxRank"/> dimensions, a negative one, or more elements than bytes can be counted for.</exception>
    public Shape(params ReadOnlySpan<int> dimensions)
    {
        if (dimensions.Length > MaxRank)
            throw new ArgumentException($"a shape has at most {MaxRank} dimensions, not {dimensions.Length}", nameof(dimensions));
        Rank = dimensions.Length;
        long count = 1;
        for (int i = 0; i < dimensions.Length; i++)
        {
            if (dimensions[i] < 0)
                throw new ArgumentException($"dimension {i} is {dimensions[i]}; a dimension is 0 or more", nameof(dimensions));
            if (dimensions[i] > MaxCount / count)
                throw new ArgumentException($"[{string.Join(", ", dimensions.ToArray())}] has more elements than any memory", nameof(dimensions));
            count *= Math.Max(1, dimensions[i]);
            this.dimensions[i] = dimensions[i];
        }
    }

    /// <summary>Lets a collection expression be a shape: <c>Shape s = [2, 3];</c>.</summary>
    public static Shape Create(ReadOnlySpan<int> dimensions) => new(dimensions);

    /// <summary>Number of dimensions.</summary>
    public int Rank { get; }

    /// <summary>Number of elements.</summary>
    public long Count
    {
        get
        {
            long count = 1;
            for (int i = 0; i < Rank; i++)
                count *= dimensions[i];
            return count;
        }
    }

    /// <summary>Length of a dimension; a negative index counts from the last one.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such dimension.</exception>
    public int this[int axis] => dimensions[Axis(axis)];

    /// <summary>Length of a dimension; lets <c>shape[^1]</c> be the last one.</summary>
    public int this[Index axis] => dimensions[Axis(axis.GetOffset(Rank))];

    /// <summary>An axis as 0..Rank-1, where a negative one counts from the last.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such dimension.</exception>
    public int Axis(int axis)
    {
        int positive = axis < 0 ? axis + Rank : axis;
        if ((uint)positive >= (uint)Rank)
            throw new ArgumentOutOfRangeException(nameof(axis), axis, $"{this} has no dimension {axis}");
        return positive;
    }

    /// <summary>This shape with one dimension changed.</summary>
    public Shape With(int axis, int length)
    {
        Span<int> result = stackalloc int[Rank];
        CopyTo(result);
        result[Axis(axis)] = length;
        return new Shape(result);
    }

    /// <summary>This shape with one dimension left out.</summary>
    public Shape Without(int axis)
    {
        axis = Axis(axis);
        Span<int> result = stackalloc int[Rank - 1];
        for (int i = 0; i < result.Length; i++)
            result[i] = dimensions[i < axis ? i : i + 1];
        return new Shape(result);
    }

    /// <summary>Copies the dimensions.</summary>
    public void CopyTo(Span<int> destination)
    {
        for (int i = 0; i < Rank; i++)
            destination[i] = dimensions[i];
    }

    /// <summary>The dimensions as an array.</summary>
    public int[] ToArray()
    {
        int[] result = new int[Rank];
        CopyTo(result);
        return result;
    }

    /// <summary>The shape two operands broadcast to: dimensions are aligned at the last one, and 1 stretches.</summary>
    /// <returns>False where the two do not fit.</returns>
    public static bool TryBroadcast(in Shape a, in Shape b, out Shape result)
    {
        int rank = Math.Max(a.Rank, b.Rank);
        Span<int> lengths = stackalloc int[rank];
        for (int i = 1; i <= rank; i++)
        {
            int x = i <= a.Rank ? a[^i] : 1, y = i <= b.Rank ? b[^i] : 1;
            if (x != y && x != 1 && y != 1)
            {
                result = default;
                return false;
            }
            lengths[rank - i] = x == 1 ? y : x;
        }
        result = new Shape(lengths);
        return true;
    }

    /// <inheritdoc/>
    public bool Equals(Shape other)
    {
        if (Rank != other.Rank)
            return false;
        for (int i = 0; i < Rank; i++)
            if (dimensions[i] != other.dimensions[i])
                return false;
        return true;
    }

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Shape other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        for (int i = 0; i < Rank; i++)
            hash.Add(dimensions[i]);
        return hash.ToHashCode();
    }

    /// <summary>Equal rank and dimensions.</summary>
    public static bool operator ==(in Shape a, in Shape b) => a.Equals(b);

    /// <summary>Different rank or dimensions.</summary>
    public static bool operator !=(in Shape a, in Shape b) => !a.Equals(b);

    /// <summary>As <c>[2, 3]</c>.</summary>
    public override string ToString() => $"[{string.Join(", ", ToArray())}]";

    /// <summary>The dimensions, for collection expressions.</summary>
    public IEnumerator<int> GetEnumerator() => ((IEnumerable<int>)ToArray()).GetEnumerator();
}
