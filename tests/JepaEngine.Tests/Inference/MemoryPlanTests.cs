using JepaEngine.Jepa.Inference;
using JepaEngine.Jepa.Models;
using JepaEngine.Memory;

namespace JepaEngine.Tests.Inference;

/// <summary>What is refused for want of memory, and what is said to fit.</summary>
public sealed class MemoryPlanTests
{
    private static readonly JepaConfig Config = new() { Family = VJepa2.Family, Encoder = new VitSize(64, 2, 2, 256), ImageSize = 64, TargetWidth = 64 };

    [Theory]
    [InlineData(4, 8, 3, 128, "4 x 128 tokens need", "3 at a time fit")]
    [InlineData(1, 8, 1, 80, "1 x 128 tokens need", "10 frames fit at this size")]
    [InlineData(1, 8, 1, 9, "1 x 128 tokens need", "one frame of 48 x 48 pixels fits")]
    [InlineData(1, 1, 1, 0, "1 x 16 tokens need", "that is not enough for one patch")]
    public void The_largest_that_fits_is_named(int batch, int times, int fittingBatch, int fittingTokens, string need, string mend)
    {
        var grid = new TokenGrid(times, 4, 4);
        long limit = MemoryPlan.Activations(Config, fittingBatch, fittingTokens);
        string message = Assert.Throws<MemoryRefusedException>(() => MemoryPlan.Require(Config, batch, grid, limit)).Message;
        Assert.StartsWith(need, message);
        Assert.EndsWith($"{MemoryPlan.Size(limit)} are free; {mend}", message);
        // And so it is: what fits is not refused.
        if (fittingTokens % 16 == 0 && fittingTokens > 0)
            MemoryPlan.Require(Config, fittingBatch, new TokenGrid(fittingTokens / 16, 4, 4), limit);
    }

    [Theory]
    [InlineData(512, "0 KiB")]
    [InlineData(5 << 10, "5 KiB")]
    [InlineData(3 << 20, "3 MiB")]
    [InlineData(3L << 29, "1.5 GiB")]
    public void Sizes_are_said_in_the_unit_that_suits(long bytes, string text) => Assert.Equal(text, MemoryPlan.Size(bytes));
}
