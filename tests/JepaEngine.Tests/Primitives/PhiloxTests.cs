using JepaEngine.Primitives;

namespace JepaEngine.Tests.Primitives;

public class PhiloxTests
{
    /// <summary>The three published vectors of philox4x32-10 (Random123, kat_vectors): counter words 0 to 3, key words 0 and 1.</summary>
    [Theory]
    [InlineData(0x0000000000000000, 0x0000000000000000, 0x0000000000000000, 0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u)]
    [InlineData(0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff, 0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu)]
    [InlineData(0x85a308d3243f6a88, 0x0370734413198a2e, 0x299f31d0a4093822, 0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u)]
    public void Blocks_are_the_published_ones(ulong counter, ulong stream, ulong seed, uint x, uint y, uint z, uint w) =>
        Assert.Equal((x, y, z, w), Philox.Block(new PhiloxKey(seed, stream), counter));

    [Fact]
    public void Numbers_have_the_moments_of_their_distribution()
    {
        const int Count = 200_000;
        var key = new PhiloxKey(7);
        double[] uniform = [.. Enumerable.Range(0, Count).Select(i => (double)Philox.Uniform(key, (ulong)i))];
        double[] normal = [.. Enumerable.Range(0, Count).Select(i => Philox.Normal(key, (ulong)i))];
        Assert.True(uniform.Min() >= 0 && uniform.Max() < 1);
        // Five standard errors.
        Assert.Equal(0.5, uniform.Average(), 5 * Math.Sqrt(1 / 12.0 / Count));
        Assert.Equal(0, normal.Average(), 5 / Math.Sqrt(Count));
        Assert.Equal(1, normal.Average(x => x * x), 5 * Math.Sqrt(2.0 / Count));
        Assert.Equal(3, normal.Average(x => x * x * x * x), 5 * Math.Sqrt(96.0 / Count));
        // Cosine and sine of one pair must be as independent as neighbours of different pairs.
        Assert.Equal(0, normal.Zip(normal.Skip(1), (a, b) => a * b).Average(), 5 / Math.Sqrt(Count));
    }

    [Fact]
    public void Filling_gives_the_same_numbers_one_by_one_for_any_length()
    {
        for (int length = 0; length < 10; length++)
        {
            float[] filled = new float[length];
            Philox.FillNormal(new PhiloxKey(1, 2), filled);
            Assert.Equal([.. Enumerable.Range(0, length).Select(i => (float)Philox.Normal(new PhiloxKey(1, 2), (ulong)i))], filled);
        }
    }

    [Fact]
    public void Children_and_grandchildren_have_streams_of_their_own()
    {
        var root = new PhiloxKey(1);
        ulong[] streams = [.. Enumerable.Range(0, 300).SelectMany(i => Enumerable.Range(0, 300).Select(j => root.Child((ulong)i).Child((ulong)j).Stream))];
        Assert.Equal(streams.Length, streams.Distinct().Count());
    }

    [Fact]
    public void Integers_stay_below_the_bound_and_reach_all_of_it()
    {
        var random = new PhiloxRandom(3);
        int[] counts = new int[7];
        for (int i = 0; i < 7000; i++)
            counts[random.NextInt(7)]++;
        Assert.All(counts, count => Assert.InRange(count, 1000 - 5 * 30, 1000 + 5 * 30));
        Assert.Throws<ArgumentOutOfRangeException>(() => random.NextInt(0));
    }
}
