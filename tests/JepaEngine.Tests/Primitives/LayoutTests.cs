using JepaEngine.Primitives;

namespace JepaEngine.Tests.Primitives;

/// <summary>Layouts against the plain list of the indices they stand for.</summary>
public class LayoutTests
{
    private const int Cases = 4000;

    [Fact]
    public void Views_name_the_right_elements()
    {
        for (ulong seed = 0; seed < Cases; seed++)
        {
            var random = new PhiloxRandom(seed);
            Layout layout = Any(random);
            long[] indices = Indices(layout);
            Assert.Equal(indices, Enumerable.Range(0, indices.Length).Select(i => layout.IndexOf(i)));
            Assert.Equal(indices.Select((_, i) => layout.Offset + i).SequenceEqual(indices), layout.IsContiguous);
            if (layout.Shape.Rank == 0)
                continue;
            int axis = random.NextInt(layout.Shape.Rank), length = layout.Shape[axis];
            int start = random.NextInt(length + 1), count = random.NextInt(length - start + 1);
            Layout slice = layout.Slice(axis - layout.Shape.Rank, start, count);
            long[] kept = [.. indices.Where((_, i) => Coordinate(layout.Shape, i, axis) >= start && Coordinate(layout.Shape, i, axis) < start + count)];
            Assert.Equal(kept, Indices(slice));
        }
    }

    [Fact]
    public void Reshape_is_a_view_exactly_where_one_exists()
    {
        int views = 0, copies = 0;
        for (ulong seed = 0; seed < Cases; seed++)
        {
            var random = new PhiloxRandom(seed);
            Layout layout = Any(random);
            Shape shape = Factors(random, layout.Shape.Count);
            long[] indices = Indices(layout);
            // The strides follow from the indices: that of a dimension is what its second element is away from its first.
            long[] strides = new long[shape.Rank];
            long inner = 1;
            for (int i = shape.Rank - 1; i >= 0; i--)
            {
                strides[i] = shape[i] > 1 && indices.Length > 0 ? indices[inner] - indices[0] : 0;
                inner *= shape[i];
            }
            bool exists = Indices(new Layout(shape, strides, layout.Offset)).SequenceEqual(indices);
            Assert.True(exists == layout.TryReshape(shape, out Layout view), $"{Text(layout)} to {shape}: a view exists is {exists}");
            if (exists)
                Assert.Equal(indices, Indices(view));
            _ = exists ? views++ : copies++;
        }
        Assert.True(views > Cases / 10 && copies > Cases / 20, $"{views} views and {copies} copies: the cases are one-sided");
    }

    [Fact]
    public void Rows_are_found_exactly_where_they_lie_evenly()
    {
        int even = 0;
        for (ulong seed = 0; seed < Cases; seed++)
        {
            Layout layout = Any(new PhiloxRandom(seed));
            Shape shape = layout.Shape;
            long[] indices = Indices(layout);
            int columns = shape.Rank == 0 ? 1 : shape[^1];
            long rowCount = shape.Rank == 0 ? 1 : shape.Without(-1).Count;
            long step = rowCount > 1 && indices.Length > 0 ? indices[columns] - indices[0] : 0;
            bool exists = indices.Select((_, i) => layout.Offset + i / columns * step + i % columns).SequenceEqual(indices);
            Assert.True(exists == layout.TryRows(out long rows, out long stride), Text(layout));
            if (!exists)
                continue;
            even++;
            Assert.Equal(rowCount, rows);
            Assert.Equal(indices, indices.Select((_, i) => layout.Offset + i / columns * stride + i % columns));
        }
        Assert.True(even > Cases / 10, $"only {even} cases have even rows");
    }

    [Fact]
    public void Broadcast_repeats_along_the_new_dimensions()
    {
        Layout layout = new Layout(new Shape(3, 1), 5).Broadcast(new Shape(2, 3, 2));
        Assert.Equal([5, 5, 6, 6, 7, 7, 5, 5, 6, 6, 7, 7], Indices(layout));
        Assert.Contains("[3, 1] does not broadcast to [3]", Assert.Throws<ArgumentException>(() => new Layout(new Shape(3, 1)).Broadcast(new Shape(3))).Message);
        Assert.Contains("[3] does not broadcast to [4]", Assert.Throws<ArgumentException>(() => new Layout(new Shape(3)).Broadcast(new Shape(4))).Message);
    }

    [Fact]
    public void Views_that_do_not_exist_are_refused_with_the_shape()
    {
        var layout = new Layout(new Shape(2, 3));
        Assert.Contains("[2, 4) leaves dimension 1 of [2, 3]", Assert.Throws<ArgumentOutOfRangeException>(() => layout.Slice(1, 2, 2)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => layout.Slice(0, -1, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => layout.Slice(0, int.MaxValue, int.MaxValue));
        Assert.Contains("[0, 0] does not name each dimension of [2, 3]", Assert.Throws<ArgumentException>(() => layout.Permute(0, 0)).Message);
        Assert.Contains("has no dimension 2", Assert.Throws<ArgumentOutOfRangeException>(() => layout.Stride(2)).Message);
    }

    /// <summary>A layout that views of every kind have been through.</summary>
    private static Layout Any(PhiloxRandom random)
    {
        int[] lengths = [.. Enumerable.Range(0, random.NextInt(5)).Select(_ => random.NextInt(12) == 0 ? 0 : 1 + random.NextInt(4))];
        var layout = new Layout(new Shape(lengths), random.NextInt(7));
        for (int views = random.NextInt(6); views > 0 && layout.Shape.Rank > 0; views--)
        {
            int axis = random.NextInt(layout.Shape.Rank), length = layout.Shape[axis], other = random.NextInt(layout.Shape.Rank);
            layout = random.NextInt(3) switch
            {
                0 => layout.Transpose(axis, other),
                1 when length > 0 => layout.Slice(axis, random.NextInt(length), 1).Broadcast(layout.Shape.With(axis, random.NextInt(3))),
                _ => layout.Slice(axis, length / 2, length - length / 2),
            };
        }
        return layout;
    }

    private static Shape Factors(PhiloxRandom random, long count)
    {
        List<int> factors = [];
        for (int prime = 2; count > 1; prime++)
            for (; count % prime == 0; count /= prime)
                factors.Add(prime);
        int[] lengths = [1, 1, 1, 1];
        foreach (int factor in factors)
            lengths[random.NextInt(lengths.Length)] *= factor;
        if (count == 0)
            lengths[random.NextInt(lengths.Length)] = 0;
        return new Shape(lengths.AsSpan(random.NextInt(2) * (lengths[0] == 1 ? 1 : 0)));
    }

    private static long[] Indices(Layout layout)
    {
        List<long> indices = [layout.Offset];
        for (int axis = 0; axis < layout.Shape.Rank; axis++)
            indices = [.. indices.SelectMany(at => Enumerable.Range(0, layout.Shape[axis]).Select(i => at + i * layout.Stride(axis)))];
        return [.. indices];
    }

    private static long Coordinate(Shape shape, long element, int axis)
    {
        for (int i = shape.Rank - 1; i > axis; i--)
            element /= shape[i];
        return element % shape[axis];
    }

    private static string Text(Layout layout) => $"{layout.Shape} by [{string.Join(", ", Enumerable.Range(0, layout.Shape.Rank).Select(i => layout.Stride(i)))}]";
}
