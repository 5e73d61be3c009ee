using JepaEngine.Jepa.Benchmarking;

namespace JepaEngine.Tests.Benchmarking;

public sealed class RooflineTests
{
    /// <summary>1 ms on a machine of 100 GFLOP/s and 10 GB/s: 1e8 FLOPs and 1e7 bytes are all it can do.</summary>
    internal static BenchRecord Sample { get; } = BenchFileTests.Sample with { Samples = [1], Flops = 1e8, Bytes = 1e6, PeakGflops = 100, PeakGigabytes = 10 };

    [Theory]
    [InlineData(9e7, 1e6, RooflineBound.Compute, 0.9, "at the roof: fewer operations")]
    [InlineData(5e7, 1e6, RooflineBound.Compute, 0.5, "below the roof: more rows")]
    [InlineData(1e6, 9e6, RooflineBound.Memory, 0.9, "fuse it with its neighbour")]
    [InlineData(1e6, 5e6, RooflineBound.Memory, 0.5, "below the roof: look for strided access")]
    [InlineData(1e6, 2e7, RooflineBound.Memory, 2.0, "faster than a copy")]
    [InlineData(0, 3.1e6, RooflineBound.Memory, 0.31, "below the roof: look for strided access")]
    [InlineData(2.9e7, 2.8e6, RooflineBound.Latency, 0.29, "far from the compute roof")]
    [InlineData(0, 2.9e6, RooflineBound.Latency, 0.29, "far from a copy")]
    [InlineData(2e7, 2.5e6, RooflineBound.Latency, 0.25, "far from the compute roof")]
    [InlineData(5e7, 0, RooflineBound.Compute, 0.5, "below the roof: more rows")]
    [InlineData(1e7, 0, RooflineBound.Unknown, 0.1, "not counted")]
    [InlineData(0, 0, RooflineBound.Unknown, null, "not counted")]
    public void ALimitBoundsFrom30PercentOfItOn(double flops, double bytes, RooflineBound bound, double? ofRoof, string tried)
    {
        RooflinePoint point = Only(Sample with { Flops = flops, Bytes = bytes });
        Assert.Equal(bound, point.Bound);
        Assert.Equal(ofRoof, point.OfRoof is { } share ? Math.Round(share, 6) : null);
        Assert.Contains(tried, point.Try);
    }

    [Fact]
    public void WhatIsFarFromBothIsToldApartByLaunchesAndTime()
    {
        BenchRecord far = Sample with { Flops = 1e4, Bytes = 1e4 };
        Assert.Contains("fewer launches", Only(far with { Launches = 7 }).Try);
        Assert.Contains("larger batch, or fuse", Only(far with { Samples = [0.09], Launches = 1 }).Try);
        Assert.Contains("far from a copy", Only(far with { Launches = 1 }).Try);
    }

    [Fact]
    public void TheSimulatorsTimesAreNotShown()
    {
        RooflinePoint point = Only(Sample with { Device = "sim", Threads = 0, PeakGflops = 0, PeakGigabytes = 0, Launches = 3 });
        Assert.Equal((null, null, RooflineBound.Unknown, 100.0, 3L), (point.Milliseconds, point.OfCompute, point.Bound, point.Intensity, point.Launches));
        Assert.Contains("simulator", point.Try);
    }

    [Fact]
    public void EachDeviceHasItsOwnAndTheLongestComesFirst()
    {
        BenchRecord slow = Sample with { Case = "slow", Samples = [3] };
        IReadOnlyList<Roofline> all = Roofline.Of(
            [Sample, slow with { Samples = [9] }, slow, Sample with { Threads = 1 }, Sample with { Device = "cuda:0", Threads = 0, DType = "BF16" }]);
        Assert.Equal(["cpu x2 F32", "cpu x1 F32", "cuda:0 BF16"], all.Select(roofline => roofline.Name));
        Assert.Equal([(1, "slow", 0.75), (2, Sample.Case, 0.25)], all[0].Points.Select(point => (point.Number, point.Case, point.Share!.Value)));
        Assert.Equal((100, 10, 10), (all[0].PeakGflops, all[0].PeakGigabytes, all[0].Ridge));
    }

    [Fact]
    public void ATableSaysWhatIsKnown()
    {
        Roofline roofline = Assert.Single(Roofline.Of([Sample with { Flops = 5e7 }, Sample with { Case = "Gather", Samples = [4], Flops = 0 }]));
        string[] plain = [.. RooflineTable.Plain(roofline)], markdown = [.. RooflineTable.Markdown(roofline)];
        Assert.Equal(["1", "Gather", "forward", "4.000", "80.0", "-", "1.000", "-", "-", "3", "launch/latency", "-"],
            plain[1].Split(' ', StringSplitOptions.RemoveEmptyEntries)[..12]);
        Assert.Equal(
            ["2", "Linear gelu 256x4096x1024", "forward", "1.000", "20.0", "50.00", "1.000", "50.00", "50", "10", "compute", "-"],
            markdown[3].Trim('|', ' ').Split('|').Select(cell => cell.Trim()));
        Assert.Equal([$"1: {roofline.Points[0].Try}", $"2: {roofline.Points[1].Try}"], RooflineTable.Advice(roofline));
        Assert.Equal("cpu x2 F32: 100.0 GFLOP/s (FMA in registers), 10.00 GB/s (copy), ridge at 10.00 FLOP/B", RooflineTable.Roofs(roofline));
        Assert.Contains("\"bound\":\"Compute\",\"ofRoof\":0.5,", roofline.Points[1].ToJson());
    }

    private static RooflinePoint Only(BenchRecord record) => Assert.Single(Assert.Single(Roofline.Of([record])).Points);
}
