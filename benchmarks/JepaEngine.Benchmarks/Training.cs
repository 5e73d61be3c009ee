using BenchmarkDotNet.Attributes;
using JepaEngine.Benchmarks.Harness;
using JepaEngine.Jepa.Benchmarking;
using JepaEngine.Jepa.Models;
using JepaEngine.Jepa.Training;

namespace JepaEngine.Benchmarks;

/// <summary>A whole training step, from the batch in the host's memory to the moved parameters.</summary>
[Runs(threads: 0)]
public class Training : Family
{
    private TrainWork work = null!;

    protected override void Prepare() => work = new TrainWork(Device, LeWorldModelConfig.Demo, TrainOptions.Demo);

    protected override void Release() => work.Dispose();

    [Benchmark, Work("step", "64x4")]
    public void DemoStep() => work.Run();
}
