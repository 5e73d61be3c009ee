using JepaEngine.Jepa.Benchmarking;
using JepaEngine.Primitives;

namespace JepaEngine.KernelTests;

/// <summary>The benchmark's way through a GPU's events, counters and operands; the simulator's times mean nothing, what it counts does.</summary>
[Collection(Alone.Name)]
public sealed class SimulatedBenchTests
{
    [Theory]
    [InlineData("sim", 4)]
    [InlineData("sim:bf16", 2)]
    public void ARowCountsLaunchesAndBytes(string name, int size)
    {
        Device device = Gpus.Require(name);
        using var runner = new BenchRunner(new BenchGrid { Ops = ["LayerNorm", "AdamW"], Tokens = [16], Devices = [device] }.Cases(), new BenchOptions());
        IReadOnlyList<BenchRecord> records = runner.Run(BenchMachine.Of("a processor", [device]), _ => { }, TestContext.Current.CancellationToken);
        Assert.Empty(runner.Faults);
        Assert.Equal(["LayerNorm 16x128", "LayerNorm 16x128", "AdamW 20000", "AdamW 20000 with average"], records.Select(record => record.Case));
        // Rows to rows and the parameters' gradients, which a second kernel adds up; one pass over the arena, whatever it holds.
        Assert.Equal([1, 2, 1, 1], records.Select(record => record.Launches!.Value));
        Assert.Equal(size * (2 * 16 * 128 + 2 * 128), records[0].Bytes);
        // The launcher reckons the rows alone.
        Assert.Equal(size * 2 * 16 * 128, records[0].Moved);
        Assert.Equal(size * 3 * 16 * 128, records[1].Bytes);
        // f32: 7 numbers, with the average 9; bf16: 6 of f32, gradient and copy of bf16, then 2 and a copy more.
        Assert.Equal([20_000 * (size == 4 ? 28.0 : 28), 20_000 * (size == 4 ? 36.0 : 38)], records.Skip(2).Select(record => record.Bytes));
        Assert.All(records, record =>
        {
            Assert.Equal(("sim", 0, 0.0), (record.Device, record.Threads, record.PeakGflops));
            Assert.True(record.IsSimulated);
            Assert.StartsWith("JepaEngine simulator", record.Machine!.Gpu);
        });
    }
}
