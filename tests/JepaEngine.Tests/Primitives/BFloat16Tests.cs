using JepaEngine.Primitives;

namespace JepaEngine.Tests.Primitives;

public class BFloat16Tests
{
    [Fact]
    public void Every_value_survives_the_way_through_float()
    {
        for (int bits = 0; bits <= ushort.MaxValue; bits++)
        {
            var value = new BFloat16((ushort)bits);
            BFloat16 back = (BFloat16)(float)value;
            // A signalling NaN may become quiet.
            int expected = float.IsNaN(value) ? bits | 0x40 : bits;
            Assert.Equal(expected, back.Bits);
        }
    }

    [Theory]
    [InlineData(0x3F808000u, 0x3F80)] // 1 + half a step: a tie, to the even neighbour below
    [InlineData(0x3F818000u, 0x3F82)] // a tie, to the even neighbour above
    [InlineData(0x3F808001u, 0x3F81)]
    [InlineData(0x3F817FFFu, 0x3F81)]
    [InlineData(0x3FFFFFFFu, 0x4000)] // into the next exponent
    [InlineData(0x7F7F7FFFu, 0x7F7F)] // the last float that stays finite
    [InlineData(0x7F7F8000u, 0x7F80)] // beyond the largest: infinity
    [InlineData(0xFF7FFFFFu, 0xFF80)]
    [InlineData(0x80000000u, 0x8000)] // -0
    [InlineData(0x00008000u, 0x0000)] // subnormal ties
    [InlineData(0x00018000u, 0x0002)]
    [InlineData(0x7F800001u, 0x7FC0)] // a NaN whose payload lies in the bits that go
    [InlineData(0xFFFFFFFFu, 0xFFFF)]
    public void Rounds_to_nearest_and_ties_to_even(uint bits, int expected) =>
        Assert.Equal(expected, ((BFloat16)BitConverter.UInt32BitsToSingle(bits)).Bits);
}
