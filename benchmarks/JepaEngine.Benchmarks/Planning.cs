using BenchmarkDotNet.Attributes;
using JepaEngine.Benchmarks.Harness;
using JepaEngine.Jepa.Benchmarking;
using JepaEngine.Jepa.Models;
using JepaEngine.Jepa.Planning;

namespace JepaEngine.Benchmarks;

/// <summary>A whole plan: both frames encoded, then the search.</summary>
[Runs(threads: 0)]
public class Planning : Family
{
    private PlanWork work = null!;

    protected override void Prepare() => work = new PlanWork(Device, LeWorldModelConfig.Demo, LatentPlannerOptions.Demo);

    protected override void Release() => work.Dispose();

    [Benchmark, Work("plan", "256x4x14")]
    public void DemoPlan() => work.Run();
}
