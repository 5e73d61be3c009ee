using System.Diagnostics;
using JepaEngine.Primitives;

namespace JepaEngine.Tests.Primitives;

/// <summary>The name somebody probably meant, among few and among far too many.</summary>
public sealed class NearestTests
{
    [Theory]
    [InlineData("planer", "planner", "trainer", "seed")]
    [InlineData("encoder.norm.bais", "encoder.norm.bias", "encoder.norm.weight", "norm.bias")]
    [InlineData("a", "model.a", "model.bcd")]
    [InlineData("ABC", "abc", "abd")]
    [InlineData("abcdef", "bcdefg", "zzzzzz", "cdefgabcd")]
    [InlineData("x", "", "yy")]
    public void The_fewest_edits_win(string name, string nearest, params string[] others)
    {
        Assert.Equal(nearest, Nearest.Of(name, [.. others, nearest]));
        Assert.Equal(nearest, Nearest.Of(name, [nearest, .. others]));
        Assert.Equal("", Nearest.Of(name, []));
    }

    [Fact]
    public void Edits_are_counted_as_by_the_whole_table()
    {
        var random = new Random(1);
        for (int n = 0; n < 500; n++)
        {
            string[] words = [.. Enumerable.Range(0, 12).Select(_ => Word(random))];
            int least = words[1..].Min(word => Edits(words[0], word));
            Assert.Equal(least, Edits(words[0], Nearest.Of(words[0], words[1..])));
        }
    }

    [Fact]
    public void Many_long_names_take_no_longer_than_a_moment()
    {
        string name = new('a', 1000);
        string[] others = [.. Enumerable.Range(0, 20_000)
            .Select(i => $"{i:D5}{new string((char)('b' + i % 20), 995)}"), $"{name}b"];
        long start = Stopwatch.GetTimestamp();
        string nearest = Nearest.Of(name, others);
        Assert.InRange(Stopwatch.GetElapsedTime(start).TotalSeconds, 0, 1);
        Assert.Contains(nearest, others);
    }

    private static string Word(Random random) =>
        string.Concat(Enumerable.Range(0, random.Next(1, 9)).Select(_ => (char)('a' + random.Next(3))));

    private static int Edits(string a, string b)
    {
        int[,] table = new int[a.Length + 1, b.Length + 1];
        for (int i = 0; i <= a.Length; i++)
            for (int j = 0; j <= b.Length; j++)
                table[i, j] = i == 0 || j == 0 ? i + j : Math.Min(table[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1),
                    Math.Min(table[i - 1, j], table[i, j - 1]) + 1);
        return table[a.Length, b.Length];
    }
}
