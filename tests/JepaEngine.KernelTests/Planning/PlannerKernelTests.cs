using JepaEngine.Backends;
using JepaEngine.Jepa.Planning;
using JepaEngine.Memory;
using JepaEngine.Ops;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.KernelTests.Planning;

/// <summary>The kernels of planner.cu, iteration after iteration, against the planner of the host.</summary>
public sealed class PlannerKernelTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>Costs in steps, so that some tie, and now and then no number.</summary>
    private sealed class Steps(int length, int every, int rest) : IPlanCost
    {
        public void Evaluate(ReadOnlySpan<float> candidates, Span<float> costs)
        {
            for (int n = 0; n < costs.Length; n++)
            {
                double sum = 0;
                foreach (float x in candidates.Slice(n * length, length))
                    sum += (x - 0.5) * (x - 0.5);
                costs[n] = n % every >= rest ? n % 2 == 0 ? float.NaN : float.NegativeInfinity : (float)(Math.Floor(sum * 16) / 16 - 1);
            }
        }
    }

    /// <summary>With costs that are all finite but each seventh, fewer than the elites, and none.</summary>
    [Theory]
    [InlineData(7, 6)]
    [InlineData(12, 1)]
    [InlineData(1, 0)]
    public void IterationsOnTheDevicePlanAsTheHostDoes(int every, int rest)
    {
        const int problems = 2;
        var options = new CemOptions { Candidates = 37, Elites = 5, Iterations = 4, Horizon = 3, ActionSize = 3, MinStd = 0.05f, Bound = 1.25f };
        PhiloxKey[] keys = [new PhiloxKey(7, 1), new PhiloxKey(ulong.MaxValue - 3, 1UL << 40)];
        int length = options.Horizon * options.ActionSize;
        var cost = new Steps(length, every, rest);
        float[] plans = new float[problems * length], best = new float[problems], costs = new float[problems * options.Candidates];
        new CemPlanner(options).Plan(cost, keys, plans, best, Token);

        Device device = Gpus.Require("sim");
        using var scope = new TensorScope(device);
        Tensor candidates = scope.Zeros([problems, options.Candidates, length]), priced = scope.Zeros([problems, options.Candidates]);
        Tensor mean = scope.Zeros([problems, length]), std = scope.Full([problems, length], options.InitialStd);
        Tensor lowest = scope.Full([problems], double.PositiveInfinity), plan = scope.Zeros([problems, length]);
        Tensor streams = scope.FromRaw<long>([.. keys.SelectMany(key => new[] { (long)key.Seed, (long)key.Stream })], [problems, 2]);
        Tensor iteration = scope.FromRaw<long>([0], []);
        var state = new CemState(candidates.Operand, priced.Operand, mean.Operand, std.Operand, lowest.Operand, plan.Operand,
            streams.Operand, iteration.Operand)
        {
            Elites = options.Elites,
            MinStd = options.MinStd,
            Bound = options.Bound,
        };
        for (int i = 0; i < options.Iterations; i++)
        {
            device.Backend.CemSample(state);
            cost.Evaluate(candidates.ToArray<float>(), costs);
            priced.CopyFrom<float>(costs);
            device.Backend.CemRefit(state);
        }

        Assert.Equal([options.Iterations], iteration.ToArray<long>());
        Assert.All(mean.ToArray<float>().Zip(plans), pair => Assert.Equal(pair.Second, pair.First, 1e-6f));
        Assert.Equal(best, lowest.ToArray<float>());
        plans = new float[problems * length];
        new CemPlanner(options with { TakeBest = true }).Plan(cost, keys, plans, best, Token);
        Assert.All(plan.ToArray<float>().Zip(plans), pair => Assert.Equal(pair.Second, pair.First, 1e-6f));
    }

    [Fact]
    public void MoreCandidatesThanABlockSortsAreRefused()
    {
        Device device = Gpus.Require("sim");
        using var scope = new TensorScope(device);
        Operand candidates = scope.Empty([1, 8193, 1]).Operand, costs = scope.Empty([1, 8193]).Operand, one = scope.Empty([1, 1]).Operand;
        var state = new CemState(candidates, costs, one, one, one, one, one, one) { Elites = 2 };
        string message = Assert.Throws<NotSupportedException>(() => device.Backend.CemRefit(state)).Message;
        Assert.Contains("8192 candidates, not 8193", message, StringComparison.Ordinal);
    }
}
