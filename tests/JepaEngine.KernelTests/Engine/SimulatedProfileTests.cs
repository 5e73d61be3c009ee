using JepaEngine.Backends;
using JepaEngine.Backends.Profiling;
using JepaEngine.Jepa.Benchmarking;
using JepaEngine.Jepa.Models;
using JepaEngine.Jepa.Planning;
using JepaEngine.Memory;
using JepaEngine.Ops;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.KernelTests.Engine;

/// <summary>What a profile sees on a GPU, on the simulator: which kernels an operation is, and every iteration of what is else a recording.</summary>
[Collection(Alone.Name)]
public sealed class SimulatedProfileTests
{
    private const int Iterations = 3, Horizon = 4;

    private static readonly LeWorldModelConfig Model = LeWorldModelConfig.Demo with
    {
        ImageSize = 28, EncoderWidth = 24, EncoderDepth = 1, EncoderMlp = 32, EmbeddingWidth = 16, ProjectorHidden = 24, PredictorMlp = 24,
    };

    private static readonly LatentPlannerOptions Search = LatentPlannerOptions.Demo with
    {
        Cem = CemOptions.Demo with { Candidates = 8, Elites = 3, Iterations = Iterations, Horizon = Horizon },
    };

    [Fact]
    public void KernelsAreNamedAndTheirLaunchesAddUp()
    {
        Device device = Gpus.Require("sim");
        using var scope = new TensorScope(device);
        Tensor x = scope.RandomNormal([6, 64], new PhiloxKey(1)), weight = scope.RandomNormal([32, 64], new PhiloxKey(2));
        using var profile = new OperationProfile(device);
        long before = device.Backend.Launches;
        x.LayerNorm(null, null, 1e-6).Linear(weight).Sum();
        IReadOnlyList<ProfiledOperation> rows = profile.Read();
        Assert.Equal(device.Backend.Launches - before, rows.Sum(row => row.Kernels.Sum(kernel => kernel.Launches)));
        Assert.Equal("layer_norm_256 (layernorm float)", Assert.Single(rows.Single(row => row.Name == "LayerNorm").Kernels).Name);
        ProfiledKernel product = rows.Single(row => row is { Name: "MatMul", Shape: "6x32x64 NT" }).Kernels[0];
        Assert.StartsWith("gemm", product.Name);
        // The tiles of both operands; registers are the hardware's compiler's to know.
        Assert.True(product.SharedBytes > 0, $"{product}");
        Assert.Null(product.Registers);
    }

    /// <summary>Whether the iteration was recorded before or not: the plan is the recording's, and each iteration shows.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void APlanShowsEveryIteration(bool recorded)
    {
        Device device = Gpus.Require("sim");
        using var model = new LeWorldModel(Model);
        model.Allocate(device, seed: 1);
        using var plain = new LatentPlanner(new LeWorldModelAdaptor(model), Search);
        using var planner = new LatentPlanner(new LeWorldModelAdaptor(model), Search);
        using var scope = new TensorScope(device);
        Tensor ends = scope.RandomNormal([2, Model.EmbeddingWidth], new PhiloxKey(4));
        float[] expected = Plan(plain, ends);
        if (recorded)
            Plan(planner, ends);
        using var profile = new OperationProfile(device);
        if (!recorded)
            Plan(planner, ends);
        profile.Clear();
        long launches = device.Backend.Launches;
        Assert.Equal(expected, Plan(planner, ends));
        IReadOnlyList<ProfiledOperation> rows = profile.Read();
        Assert.Equal((Iterations, Iterations, Iterations), (Calls("CemRefit"), Calls("CemSample"), Calls("CemScore")));
        Assert.Equal(0, Calls("AdaLayerNorm") % (Iterations * Horizon));
        Assert.NotEqual(0, Calls("AdaLayerNorm"));
        Assert.Equal(device.Backend.Launches - launches, rows.Sum(row => row.Kernels.Sum(kernel => kernel.Launches)));
        // After the profile an iteration is one launch again.
        profile.Dispose();
        Assert.Equal(expected, Plan(planner, ends));
        launches = device.Backend.Launches;
        Assert.Equal(expected, Plan(planner, ends));
        Assert.InRange(device.Backend.Launches - launches, Iterations, Iterations + 3);

        int Calls(string name) => (int)rows.Where(row => row.Name == name).Sum(row => row.Calls);
    }

    [Fact]
    public void AReplayDrawsTheNumbersOfTheReplay()
    {
        Device device = Gpus.Require("sim");
        var key = new PhiloxKey(5);
        using var scope = new TensorScope(device);
        Tensor drawn = scope.Empty([50]), expected = scope.RandomNormal([50], key.Child(1));
        using var profile = new OperationProfile(device);
        using var capture = new Capture(device, () => device.Backend.RandomNormal(drawn.Operand, key, 0, 1));
        capture.Replay();
        Assert.Equal(expected.ToArray<float>(), drawn.ToArray<float>());
        Assert.Equal(2, profile.Read().Single(row => row.Name == "RandomNormal").Calls);
    }

    [Fact]
    public void ARooflineShowsKernelsButNoTimes()
    {
        Device device = Gpus.Require("sim:bf16");
        var item = new BenchCase("small", "plan", device, null, () => new PlanWork(device, Model, Search));
        Roofline roofline = RooflineProfile.Of(item, BenchMachine.Of("a processor", [device]), TestContext.Current.CancellationToken);
        RooflineRun run = roofline.Run!;
        Assert.Equal((null, null, null), (run.Case.Milliseconds, run.Between, run.Others));
        Assert.Equal(run.Operations.Sum(point => point.Kernels.Sum(kernel => kernel.Launches)), run.Case.Launches);
        RooflinePoint attention = run.Operations.First(point => point.Operation == "Attention");
        Assert.Contains("bf16", attention.Kernels[0].Name);
        Assert.Null(attention.Registers);
        Assert.True(attention is { SharedBytes: > 0, Flops: > 0, Bytes: > 0, Launches: > 0 });
        Assert.EndsWith("regs  shared KiB", RooflineTable.Plain(roofline).First());
    }

    private static float[] Plan(LatentPlanner planner, Tensor ends)
    {
        float[] plan = new float[Horizon * 2], cost = new float[1];
        planner.Plan(ends.Slice(0, 0, 1), ends.Slice(0, 1, 1), [new PhiloxKey(3)], plan, cost,
            TestContext.Current.CancellationToken);
        return [.. plan, .. cost];
    }
}
