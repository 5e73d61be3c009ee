using JepaEngine.Jepa.Benchmarking;

namespace JepaEngine.Tests.Benchmarking;

public sealed class PairedTurnsTests
{
    /// <summary>Ratios 1.01 to 1.15: the median is 1.08, the third from each end 1.03 and 1.13.</summary>
    [Fact]
    public void TheNoiseOfFifteenTurnsReachesToTheThirdFromEachEnd()
    {
        PairedTurns turns = Of([.. Enumerable.Range(1, 15).Select(i => 1 + 0.01 * (i * 4 % 15 + 1))]);
        Assert.Equal((15, 1.08), (turns.Count, Math.Round(turns.Ratio!.Value, 12)));
        Assert.Equal(1.08 / 1.03 - 1, turns.Noise!.Value, 12);
    }

    /// <summary>The binomial table: 2⁻⁸ is less than 0.005, 2⁻⁷ is not; P(at most 1 of 12) = 0.0032, P(at most 7 of 30) = 0.0026.</summary>
    [Theory]
    [InlineData(7, null)]
    [InlineData(8, 1)]
    [InlineData(11, 1)]
    [InlineData(12, 2)]
    [InlineData(30, 8)]
    public void MoreTurnsLeaveMoreOut(int count, int? k)
    {
        PairedTurns turns = Of([.. Enumerable.Range(0, count).Select(i => Math.Exp(0.01 * i))]);
        double? expected = k is { } end ? Math.Round(Math.Exp(0.01 * ((count - 1) / 2.0 - (end - 1))) - 1, 12) : null;
        Assert.Equal(expected, turns.Noise is { } noise ? Math.Round(noise, 12) : null);
    }

    /// <summary>Runs that say 1.0, 1.1 and 1.2: t of two degrees of freedom, whatever their turns agree on.</summary>
    [Fact]
    public void RunsThatDisagreeAreNoise()
    {
        BenchRecord[] before = [.. "abc".Select(run => BenchFileTests.Sample with { Turns = $"{run}", Rounds = 15, Samples = [.. Enumerable.Repeat(1.0, 15)] })];
        PairedTurns turns = PairedTurns.Of(before, before.Select((record, i) => record with { Samples = [.. record.Samples.Select(_ => Math.Exp(0.1 * i))] }));
        Assert.Equal((45, 3, Math.Round(Math.Exp(0.1), 12)), (turns.Count, turns.Runs, Math.Round(turns.Ratio!.Value, 12)));
        Assert.Equal(Math.Exp(14.09 * 0.1 / Math.Sqrt(3)) - 1, turns.Noise!.Value, 12);
    }

    /// <summary>Each turn's samples stand for themselves: what doubles both says nothing, and turns of other comparisons do not meet.</summary>
    [Fact]
    public void OnlySamplesOfOneTurnMeet()
    {
        BenchRecord before = BenchFileTests.Sample with { Turns = "a", Rounds = 2, Samples = [1, 1, 2, 2] }, after = before with { Samples = [2, 2, 4, 4, 6, 6], Rounds = 3 };
        PairedTurns turns = PairedTurns.Of([before, before with { Turns = "b" }, before with { Turns = null }], [after with { Turns = null }, after, after with { Turns = "c" }]);
        Assert.Equal((2, 2.0, null), (turns.Count, Math.Round(turns.Ratio!.Value, 12), turns.Noise));
        // Over their turn's mean all four of one are √½, all four of the other √2.
        Assert.Equal(MannWhitney.Score([1, 1, 1, 1], [2, 2, 2, 2]), turns.Score);
    }

    private static PairedTurns Of(double[] ratios)
    {
        BenchRecord before = BenchFileTests.Sample with { Turns = "a", Rounds = ratios.Length, Samples = [.. ratios.Select(_ => 3.0)] };
        return PairedTurns.Of([before], [before with { Samples = [.. ratios.Select(ratio => 3 * ratio)] }]);
    }
}
