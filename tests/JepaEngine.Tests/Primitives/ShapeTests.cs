using JepaEngine.Primitives;

namespace JepaEngine.Tests.Primitives;

public class ShapeTests
{
    [Fact]
    public void A_shape_reads_back_what_it_was_made_of()
    {
        Shape shape = [2, 3, 4];
        Assert.Equal((3, 24L, 4, 2, "[2, 3, 4]"), (shape.Rank, shape.Count, shape[-1], shape[^3], shape.ToString()));
        Assert.Equal(new Shape(2, 7, 4), shape.With(1, 7));
        Assert.Equal(new Shape(2, 4), shape.Without(-2));
        Assert.True(shape == [2, 3, 4] && shape != [2, 3] && shape.GetHashCode() == new Shape(2, 3, 4).GetHashCode());
        Assert.Equal((0, 1L, "[]"), (default(Shape).Rank, default(Shape).Count, default(Shape).ToString()));
    }

    [Theory]
    [InlineData("at most 6 dimensions, not 7", 1, 1, 1, 1, 1, 1, 1)]
    [InlineData("dimension 1 is -3", 2, -3)]
    [InlineData("[2147483647, 2147483647, 2] has more elements than any memory", int.MaxValue, int.MaxValue, 2)]
    // The product is 2^64, which wraps to 0, once with a dimension of 0 behind it.
    [InlineData("more elements", 65536, 65536, 65536, 65536)]
    [InlineData("more elements", 65536, 65536, 65536, 65536, 0)]
    public void Impossible_shapes_are_refused(string message, params int[] dimensions) =>
        Assert.Contains(message, Assert.Throws<ArgumentException>(() => new Shape(dimensions)).Message);

    [Fact]
    public void A_missing_dimension_is_named()
    {
        Shape shape = [2, 3];
        Assert.Contains("[2, 3] has no dimension -3", Assert.Throws<ArgumentOutOfRangeException>(() => shape[-3]).Message);
    }

    [Theory]
    [InlineData(new[] { 2, 1 }, new[] { 3 }, new[] { 2, 3 })]
    [InlineData(new int[0], new[] { 4, 5 }, new[] { 4, 5 })]
    [InlineData(new[] { 0 }, new[] { 1 }, new[] { 0 })]
    [InlineData(new[] { 7, 1, 5 }, new[] { 6, 1 }, new[] { 7, 6, 5 })]
    [InlineData(new[] { 2 }, new[] { 3 }, null)]
    [InlineData(new[] { 0 }, new[] { 2 }, null)]
    public void Broadcasting_aligns_the_last_dimensions(int[] a, int[] b, int[]? expected)
    {
        Assert.Equal(expected is not null, Shape.TryBroadcast(new Shape(a), new Shape(b), out Shape one));
        Assert.Equal(expected is not null, Shape.TryBroadcast(new Shape(b), new Shape(a), out Shape other));
        if (expected is not null)
            Assert.True(one == new Shape(expected) && other == one);
    }
}
