using JepaEngine.Jepa.Environments;
using JepaEngine.Jepa.Models;
using JepaEngine.Jepa.Planning;
using JepaEngine.Memory;
using JepaEngine.Ops;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Tests.Planning;

/// <summary>Planning with a (random, small) world model: what must hold whether or not it plans well.</summary>
public sealed class ClosedLoopTests
{
    private static readonly LatentPlannerOptions Small = LatentPlannerOptions.Demo with { Cem = CemOptions.Demo with { Candidates = 16, Elites = 3, Horizon = 4 } };

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static LeWorldModel Model()
    {
        var model = new LeWorldModel(LeWorldModelConfig.Demo);
        model.Allocate(Device.Cpu, 3);
        // A new model's modulations are 0, so that actions would change nothing.
        foreach (var (name, parameter) in model.Parameters())
        {
            if (!name.Contains("modulation"))
                continue;
            float[] noise = new float[parameter.Shape.Count];
            Philox.FillNormal(new PhiloxKey(4), noise);
            parameter.Value.CopyFrom<float>([.. noise.Select(x => 0.3f * x)]);
        }
        return model;
    }

    [Fact]
    public void ResultsAreSeededAndPaired()
    {
        using LeWorldModel model = Model();
        var options = new ClosedLoopOptions { Episodes = 5, Budget = 23, Seed = 9, Traced = 2 };
        EpisodeResult[] first = Play(model, options, Token);
        EpisodeResult[] second = Play(model, options, Token);
        EpisodeResult[] random = ClosedLoop.Play(new TwoRoom(56), (_, draws) => new HeldRandomPolicy(new TwoRoom(56), draws), options);
        for (int i = 0; i < 5; i++)
        {
            Assert.Equal(i, first[i].Episode);
            Assert.Equal(first[i].Path, second[i].Path);
            Assert.Equal(first[i].Task.Start, random[i].Task.Start);
            Assert.Equal(first[i].Task.Goal, random[i].Task.Goal);
            Assert.True(first[i].Success || first[i].Steps == 23);
            Assert.Equal(i < 2 && first[i].Steps > 0, first[i].Imagined.Length > 0);
        }
        Assert.All(first[0].Imagined, path => Assert.Equal(4 * 32, path.Length));
    }

    [Fact]
    public void CancellingEndsTheEvaluation()
    {
        using LeWorldModel model = Model();
        using var source = new CancellationTokenSource();
        var options = new ClosedLoopOptions { Episodes = 50 };
        Assert.ThrowsAny<OperationCanceledException>(() => Play(model, options, source.Token, _ => source.Cancel()));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void WhatAnEnvironmentThrowsSurfacesAsItselfAndEndsTheOthers(bool atCreation)
    {
        using LeWorldModel model = Model();
        int played = 0, created = 0;
        var thrown = new InvalidTimeZoneException("of a world");
        Exception caught = Assert.Throws<InvalidTimeZoneException>(() => ClosedLoop.Play(new LeWorldModelAdaptor(model), Small, () =>
            !atCreation ? new TwoRoom(56) : Interlocked.Increment(ref created) == 1 ? throw thrown : new TwoRoom(56),
            new ClosedLoopOptions { Episodes = 200, Budget = 10 }, _ => ThrowAt(++played), Token));
        Assert.Same(thrown, caught);
        Assert.Contains(nameof(ClosedLoopTests), caught.StackTrace);
        Assert.InRange(played, 0, 100);

        void ThrowAt(int episode)
        {
            if (!atCreation && episode == 2)
                throw thrown;
        }
    }

    private static EpisodeResult[] Play(LeWorldModel model, ClosedLoopOptions options, CancellationToken cancellation,
        Action<EpisodeResult>? progress = null) =>
        ClosedLoop.Play(new LeWorldModelAdaptor(model), Small, () => new TwoRoom(56), options, progress, cancellation);

    [Theory]
    [InlineData(PathCost.Last)]
    [InlineData(PathCost.Nearest)]
    public void TheCostIsThatOfTheImaginedPath(PathCost kind)
    {
        using LeWorldModel model = Model();
        using var planner = new LatentPlanner(new LeWorldModelAdaptor(model), Small with { Cost = kind });
        using var scope = new TensorScope(Device.Cpu);
        Tensor start = scope.RandomNormal([1, 32], new PhiloxKey(1)), goal = scope.RandomNormal([1, 32], new PhiloxKey(2));
        float[] plan = new float[8], best = new float[1];
        planner.Plan(start, goal, [new PhiloxKey(3)], plan, best, Token);
        float[] target = goal.ToArray<float>();
        double[] distances = [.. planner.Imagine(start, plan).ToArray<float>().Chunk(target.Length).Select(z => z.Zip(target, (a, b) => (a - b) * (double)(a - b)).Sum())];
        double expected = kind == PathCost.Last ? distances[^1] : distances.Min() + 0.03 * distances.Average();
        Assert.Equal(expected, best[0], 1e-4 * expected);
    }

    [Fact]
    public void TheLandscapeDiffersFromActionToAction()
    {
        using LeWorldModel model = Model();
        using var planner = new LatentPlanner(new LeWorldModelAdaptor(model), Small);
        using var scope = new TensorScope(Device.Cpu);
        Tensor start = scope.RandomNormal([1, 32], new PhiloxKey(1)), goal = scope.RandomNormal([1, 32], new PhiloxKey(2));
        float[] costs = planner.Landscape(start, goal, 2, [-1, -1, 0, 0, 1, 1]);
        Assert.Equal(3, costs.Distinct().Count());
        Assert.All(costs, cost => Assert.InRange(cost, 0, 1e4f));
    }

    [Fact]
    public void ActionsThatDoNotFillABlockAreRefused()
    {
        using LeWorldModel model = Model();
        LatentPlannerOptions options = Small with { ActionRepeat = 4 };
        var error = Assert.Throws<ArgumentException>(() => new LatentPlanner(new LeWorldModelAdaptor(model), options));
        Assert.Contains("block of 10", error.Message);
    }
}
