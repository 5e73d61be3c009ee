using JepaEngine.Jepa.Planning;
using JepaEngine.Primitives;

namespace JepaEngine.Tests.Planning;

/// <summary>The cross-entropy method on costs whose minimum is known.</summary>
public sealed class CemPlannerTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>The squared distance from a target of each problem, and what was asked.</summary>
    private sealed class Bowl(float[][] targets, int length) : IPlanCost
    {
        public List<float[]> Asked { get; } = [];

        public void Evaluate(ReadOnlySpan<float> candidates, Span<float> costs)
        {
            Asked.Add(candidates.ToArray());
            int count = costs.Length / targets.Length;
            for (int n = 0; n < costs.Length; n++)
            {
                float sum = 0;
                for (int i = 0; i < length; i++)
                    sum += MathF.Pow(candidates[n * length + i] - targets[n / count][i], 2);
                costs[n] = sum;
            }
        }
    }

    [Fact]
    public void PublishedSettingsFindTheMinimum()
    {
        float[] target = [0.5f, -1.2f, 2f, 0.1f];
        var options = new CemOptions { Horizon = 2, ActionSize = 2 };
        float[] plan = new float[4], cost = new float[1];
        new CemPlanner(options).Plan(new Bowl([target], 4), [new PhiloxKey(1)], plan, cost, Token);
        for (int i = 0; i < 4; i++)
            Assert.Equal(target[i], plan[i], 1e-3f);
        Assert.InRange(cost[0], 0, 1e-6f);
    }

    [Fact]
    public void ABoundHoldsAndTheBestCandidateIsReturned()
    {
        var options = new CemOptions { Candidates = 64, Elites = 6, Iterations = 6, Horizon = 3, ActionSize = 1, Bound = 1, MinStd = 0.05f, TakeBest = true };
        var bowl = new Bowl([[2f, -2f, 0.25f]], 3);
        float[] plan = new float[3], cost = new float[1];
        new CemPlanner(options).Plan(bowl, [new PhiloxKey(2)], plan, cost, Token);
        Assert.All(bowl.Asked.SelectMany(asked => asked), number => Assert.InRange(number, -1, 1));
        // The plan is a candidate that was priced, and none was cheaper.
        float[] priced = new float[bowl.Asked.Count * 64];
        new Bowl([[2f, -2f, 0.25f]], 3).Evaluate(bowl.Asked.SelectMany(asked => asked).ToArray(), priced);
        Assert.Equal(priced.Min(), cost[0]);
        Assert.InRange(cost[0], 2, 2.1f);
    }

    [Fact]
    public void TheFirstCandidateIsTheMeanAndTheStdIsUnbiased()
    {
        var options = new CemOptions { Candidates = 8, Elites = 2, Iterations = 2, Horizon = 1, ActionSize = 1 };
        var bowl = new Bowl([[0f]], 1);
        float[] plan = [3f], cost = new float[1];
        new CemPlanner(options).Plan(bowl, [new PhiloxKey(3)], plan, cost, Token);
        Assert.Equal(3f, bowl.Asked[0][0]);
        float[] elites = [.. bowl.Asked[0].OrderBy(MathF.Abs).Take(2)];
        float mean = (elites[0] + elites[1]) / 2, std = MathF.Abs(elites[0] - elites[1]) / MathF.Sqrt(2);
        Assert.Equal(mean, bowl.Asked[1][0], 1e-6f);
        float[] noise = new float[8];
        Philox.FillNormal(new PhiloxKey(3).Child(1), noise);
        for (int n = 1; n < 8; n++)
            Assert.Equal(mean + std * noise[n], bowl.Asked[1][n], 1e-5f);
    }

    [Fact]
    public void TheFirstIterationHoldsSegments()
    {
        var options = CemOptions.Demo with { Iterations = 1 };
        var bowl = new Bowl([new float[28]], 28);
        new CemPlanner(options).Plan(bowl, [new PhiloxKey(4)], new float[28], new float[1], Token);
        int changesSeen = 0;
        for (int n = 0; n < options.Candidates; n++)
        {
            int changes = 0;
            for (int t = 1; t < 14; t++)
                changes += bowl.Asked[0][n * 28 + 2 * t] == bowl.Asked[0][n * 28 + 2 * t - 2] ? 0 : 1;
            Assert.InRange(changes, 0, 2);
            changesSeen += changes;
        }
        Assert.InRange(changesSeen, options.Candidates, 2 * options.Candidates);
    }

    [Fact]
    public void AProblemsPlanDoesNotDependOnItsNeighbours()
    {
        var options = CemOptions.Demo with { Horizon = 2 };
        float[][] targets = [[0.1f, 0.2f, 0.3f, 0.4f], [-0.5f, 0.5f, -0.5f, 0.5f]];
        float[] both = new float[8], alone = new float[4], costs = new float[2], cost = new float[1];
        new CemPlanner(options).Plan(new Bowl(targets, 4), [new PhiloxKey(5), new PhiloxKey(6)], both, costs, Token);
        new CemPlanner(options).Plan(new Bowl([targets[1]], 4), [new PhiloxKey(6)], alone, cost, Token);
        Assert.Equal(alone, both[4..]);
        Assert.Equal(cost[0], costs[1]);
    }

    [Fact]
    public void CostsThatAreNoNumbersComeLast()
    {
        var options = new CemOptions { Candidates = 16, Elites = 4, Iterations = 3, Horizon = 1, ActionSize = 1 };
        float[] plan = new float[1], cost = new float[1];
        new CemPlanner(options).Plan(new Partial(), [new PhiloxKey(7)], plan, cost, Token);
        Assert.True(float.IsFinite(plan[0]) && float.IsFinite(cost[0]));
    }

    /// <summary>Where fewer costs are finite than elites are asked for, the others have no part in the plan.</summary>
    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void CostsThatAreNotFiniteAreNeverElites(float cost)
    {
        var options = new CemOptions { Candidates = 64, Elites = 32, Iterations = 1, Horizon = 1, ActionSize = 1 };
        float[] plan = new float[1], best = new float[1];
        new CemPlanner(options).Plan(new OnlyAbove(cost), [new PhiloxKey(7)], plan, best, Token);
        Assert.InRange(plan[0], 1.2f, 4);
        Assert.InRange(best[0], -4, -1.2f);
    }

    /// <summary>Prices what is above 1.2, a tenth of the candidates.</summary>
    private sealed class OnlyAbove(float rest) : IPlanCost
    {
        public void Evaluate(ReadOnlySpan<float> candidates, Span<float> costs)
        {
            for (int n = 0; n < costs.Length; n++)
                costs[n] = candidates[n] > 1.2f ? -candidates[n] : rest;
        }
    }

    [Theory]
    [InlineData("initialStd is NaN; it is above 0", float.NaN, 0, 1, 0)]
    [InlineData("minStd is Infinity; it is 0 to", 1, float.PositiveInfinity, 1, 0)]
    [InlineData("bound is 0; it is above 0", 1, 0, 0, 0)]
    [InlineData("firstSegments is 1000000000; it is 0 to", 1, 0, 1, 1_000_000_000)]
    public void NumbersThatCannotBeAreRefusedByName(string mentions, float initial, float least, float bound, int segments) =>
        Assert.Contains(mentions, Assert.Throws<ArgumentException>(() => new CemPlanner(
            new CemOptions { InitialStd = initial, MinStd = least, Bound = bound, FirstSegments = segments })).Message);

    private sealed class Partial : IPlanCost
    {
        public void Evaluate(ReadOnlySpan<float> candidates, Span<float> costs)
        {
            for (int n = 0; n < costs.Length; n++)
                costs[n] = n % 3 == 0 ? float.NaN : candidates[n] * candidates[n];
        }
    }

    [Theory]
    [InlineData(1, 8, 1)]
    [InlineData(9, 8, 1)]
    [InlineData(2, 8, 0)]
    public void SettingsThatCannotBeAreRefused(int elites, int candidates, int iterations) => Assert.Throws<ArgumentException>(() =>
        new CemPlanner(new CemOptions { Elites = elites, Candidates = candidates, Iterations = iterations }));
}
