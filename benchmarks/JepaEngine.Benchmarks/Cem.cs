using BenchmarkDotNet.Attributes;
using JepaEngine.Backends;
using JepaEngine.Benchmarks.Harness;
using JepaEngine.Jepa.Planning;
using JepaEngine.Primitives;

namespace JepaEngine.Benchmarks;

/// <summary>The cross-entropy method's own arithmetic in an iteration of LeWorldModel's published plan.</summary>
[Runs(threads: 1)]
public class Cem : Family
{
    private static readonly CemOptions Options = new();

    private readonly float[] candidates = new float[Options.Candidates * Options.Horizon * Options.ActionSize], costs = new float[Options.Candidates];
    private readonly float[] mean = new float[Options.Horizon * Options.ActionSize], std = new float[Options.Horizon * Options.ActionSize];
    private readonly float[] plan = new float[Options.Horizon * Options.ActionSize];

    protected override void Prepare()
    {
        Philox.FillNormal(new PhiloxKey(1), candidates);
        Philox.FillNormal(new PhiloxKey(2), costs);
    }

    /// <summary>Ranks the candidates and fits the next mean and standard deviation; it has to read the candidates, little more.</summary>
    [Benchmark, Work("plan", "300x50", Bytes = 4.0 * 300 * 50)]
    public float Refit()
    {
        float best = float.PositiveInfinity;
        HostCem.Refit(candidates, costs, Options.Elites, Options.MinStd, mean, std, ref best, plan);
        return best;
    }
}
