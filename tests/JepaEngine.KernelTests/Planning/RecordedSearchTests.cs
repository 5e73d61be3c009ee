using JepaEngine.Backends;
using JepaEngine.Jepa.Models;
using JepaEngine.Jepa.Planning;
using JepaEngine.Memory;
using JepaEngine.Nn;
using JepaEngine.Ops;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.KernelTests.Planning;

/// <summary>A plan that is searched on the GPU, an iteration a launch, is the plan of the processor.</summary>
[Collection(Alone.Name)]
public sealed class RecordedSearchTests
{
    private const int Problems = 2;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static readonly PhiloxKey[] Keys = [new PhiloxKey(3, 1), new PhiloxKey(4, 2)];

    /// <summary>History 3, so that the window grows and slides; means of Gaussian candidates, the last distance.</summary>
    private static readonly LatentPlannerOptions Published = new()
    {
        Cem = new CemOptions { Candidates = 12, Elites = 4, Iterations = 3, Horizon = 4, ActionSize = 4 },
    };

    /// <summary>First segments, the best candidate, repeated actions, the nearest distance.</summary>
    private static readonly LatentPlannerOptions Demo = new()
    {
        Cem = CemOptions.Demo with { Candidates = 12, Elites = 3, Iterations = 3, Horizon = 5 },
        Cost = PathCost.Nearest,
        ActionRepeat = 2,
    };

    public static TheoryData<string> Settings => ["published", "demo"];

    [Theory]
    [MemberData(nameof(Settings))]
    public void PlansAsTheProcessorDoes(string settings)
    {
        Device gpu = Gpus.Require("sim");
        (float[] plans, float[] costs) = Plan(Device.Cpu, settings);
        (float[] actualPlans, float[] actualCosts) = Plan(gpu, settings);
        // The plan is a mean of elites, or one: where the elites are the same, what differs is the rounding of their means.
        Assert.All(actualPlans.Zip(plans), pair => Assert.Equal(pair.Second, pair.First, 1e-4f));
        Assert.All(actualCosts.Zip(costs), pair => Assert.Equal(pair.Second, pair.First, 1e-4f * Math.Abs(pair.Second)));
        Assert.True(plans.Max(Math.Abs) > 0.1f);
    }

    [Fact]
    public void PlansInBFloat16()
    {
        (float[] plans, float[] costs) = Plan(Gpus.Require("sim:bf16"), "published");
        Assert.All(plans, number => Assert.True(float.IsFinite(number)));
        // bf16 has 8 bits, and chooses other elites: the cost is good to a few hundredths.
        Assert.All(costs.Zip(Plan(Device.Cpu, "published").Costs), pair => Assert.Equal(pair.Second, pair.First, 0.05f * pair.Second));
    }

    /// <summary>Beside it one that repeats the start for each candidate and, where the first are Gaussian, one that draws them.</summary>
    [Theory]
    [InlineData("published", 3 + 2)]
    [InlineData("demo", 3 + 1)]
    public void AnIterationIsALaunch(string settings, int launches)
    {
        Device gpu = Gpus.Require("sim");
        using LeWorldModel model = Model(gpu, settings);
        using var scope = new TensorScope(gpu);
        using var planner = new LatentPlanner(new LeWorldModelAdaptor(model), Options(settings));
        Tensor starts = Starts(scope), goals = Goals(scope);
        (float[] first, _) = Plan(planner, starts, goals);
        long before = gpu.Context.Launches;
        MemoryReport memory = gpu.Allocator.Report();
        (float[] second, _) = Plan(planner, starts, goals);
        Assert.Equal(launches, gpu.Context.Launches - before);
        Assert.Equal(first, second);
        Assert.Equal(memory, gpu.Allocator.Report());
    }

    [Fact]
    public void AnotherNumberOfProblemsIsRecordedAnew()
    {
        Device gpu = Gpus.Require("sim");
        using LeWorldModel model = Model(gpu, "demo");
        using var scope = new TensorScope(gpu);
        using var planner = new LatentPlanner(new LeWorldModelAdaptor(model), Demo);
        Tensor starts = Starts(scope), goals = Goals(scope);
        (float[] both, float[] costs) = Plan(planner, starts, goals);
        float[] alone = new float[both.Length / Problems], cost = new float[1];
        alone.AsSpan().Fill(0.1f);
        planner.Plan(starts.Slice(0, 1, 1), goals.Slice(0, 1, 1), Keys.AsSpan(1), alone, cost, Token);
        Assert.Equal(both[alone.Length..], alone);
        Assert.Equal(costs[1], cost[0]);
    }

    [Fact]
    public void ADisposedPlannerHoldsNothing()
    {
        Device gpu = Gpus.Require("sim");
        using LeWorldModel model = Model(gpu, "demo");
        using var scope = new TensorScope(gpu);
        Tensor starts = Starts(scope), goals = Goals(scope);
        gpu.Allocator.Trim();
        MemoryReport before = gpu.Allocator.Report();
        using (var planner = new LatentPlanner(new LeWorldModelAdaptor(model), Demo))
        {
            planner.Plan(starts, goals, Keys, new float[Problems * 10], new float[Problems], Token);
            Assert.True(gpu.Allocator.Report().InUse > before.InUse);
        }
        MemoryReport after = gpu.Allocator.Report();
        Assert.Equal((before.InUse, before.Blocks), (after.InUse, after.Blocks));
        // Nor does a recording keep cached blocks from the system.
        gpu.Allocator.Trim();
        Assert.Equal(before.Cached, gpu.Allocator.Report().Cached);
    }

    [Fact]
    public void PlansOfAnotherLengthAreRefused()
    {
        Device gpu = Gpus.Require("sim");
        using LeWorldModel model = Model(gpu, "demo");
        using var scope = new TensorScope(gpu);
        using var planner = new LatentPlanner(new LeWorldModelAdaptor(model), Demo);
        Tensor starts = Starts(scope), goals = Goals(scope);
        float[] plans = new float[19], costs = new float[Problems];
        string message = Assert.Throws<ArgumentException>(
            () => planner.Plan(starts, goals, Keys, plans, costs, Token)).Message;
        Assert.Contains("plans of 20 and 2 costs, not 19 and 2", message, StringComparison.Ordinal);
    }

    private static LatentPlannerOptions Options(string settings) => settings == "demo" ? Demo : Published;

    private static (float[] Plans, float[] Costs) Plan(Device device, string settings)
    {
        using LeWorldModel model = Model(device, settings);
        using var scope = new TensorScope(device);
        using var planner = new LatentPlanner(new LeWorldModelAdaptor(model), Options(settings));
        return Plan(planner, Starts(scope), Goals(scope));
    }

    private static (float[] Plans, float[] Costs) Plan(LatentPlanner planner, Tensor starts, Tensor goals)
    {
        CemOptions cem = planner.Options.Cem;
        float[] plans = new float[Problems * cem.Horizon * cem.ActionSize], costs = new float[Problems];
        plans.AsSpan().Fill(0.1f);
        planner.Plan(starts, goals, Keys, plans, costs, Token);
        return (plans, costs);
    }

    private static Tensor Starts(TensorScope scope) => scope.RandomNormal([Problems, 24], new PhiloxKey(1));

    private static Tensor Goals(TensorScope scope) => scope.RandomNormal([Problems, 24], new PhiloxKey(2));

    private static LeWorldModel Model(Device device, string settings)
    {
        var model = new LeWorldModel(new LeWorldModelConfig
        {
            ImageSize = 28, EncoderWidth = 24, EncoderDepth = 1, EncoderHeads = 1, EncoderMlp = 32, EmbeddingWidth = 24, ProjectorHidden = 32, ActionWidth = 4,
            ActionSmoothed = 4, ActionHidden = 16, History = settings == "demo" ? 1 : 3, PredictorDepth = 2, PredictorHeads = 2, PredictorHeadWidth = 24,
            PredictorMlp = 32, Dropout = 0,
        });
        model.Allocate(device, 3);
        // A new model's modulations are 0, so that actions would change nothing.
        foreach ((_, Parameter parameter) in model.Parameters().Where(p => p.Name.Contains("modulation", StringComparison.Ordinal)))
            device.Backend.RandomNormal(parameter.Value.Operand, new PhiloxKey(4), 0, 0.3);
        return model;
    }
}
