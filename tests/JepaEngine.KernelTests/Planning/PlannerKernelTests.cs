using System.Runtime.InteropServices;
using JepaEngine.Cuda;
using JepaEngine.Jepa.Planning;
using JepaEngine.Memory;
using JepaEngine.Primitives;

namespace JepaEngine.KernelTests.Planning;

/// <summary>The kernels of planner.cu against the planner of the host.</summary>
public sealed unsafe class PlannerKernelTests
{
    [StructLayout(LayoutKind.Sequential)]
    private struct CemArgs
    {
        public nint Candidates, Costs, Mean, Std, Best, Plan, Keys, Iteration;
        public int Count, Length, Elites;
        public float MinStd, Bound;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct CemScoreArgs
    {
        public nint Path, Goals, Costs;
        public long CandidateStride, StepStride;
        public int Candidates, Count, Steps, Width, Nearest;
        public float MeanWeight;
    }

    /// <summary>Costs in steps, so that some tie, and now and then no number.</summary>
    private sealed class Steps(int length) : IPlanCost
    {
        public void Evaluate(ReadOnlySpan<float> candidates, Span<float> costs)
        {
            for (int n = 0; n < costs.Length; n++)
            {
                double sum = 0;
                foreach (float x in candidates.Slice(n * length, length))
                    sum += (x - 0.5) * (x - 0.5);
                costs[n] = n % 7 == 3 ? float.NaN : (float)(Math.Floor(sum * 16) / 16 - 1);
            }
        }
    }

    [Fact]
    public void IterationsOnTheDevicePlanAsTheHostDoes()
    {
        const int problems = 2;
        var options = new CemOptions { Candidates = 37, Elites = 5, Iterations = 4, Horizon = 3, ActionSize = 3, MinStd = 0.05f, Bound = 1.25f };
        PhiloxKey[] keys = [new PhiloxKey(7, 1), new PhiloxKey(ulong.MaxValue - 3, 1UL << 40)];
        int length = options.Horizon * options.ActionSize, size = problems * options.Candidates * length;
        var cost = new Steps(length);
        float[] plans = new float[problems * length], best = new float[problems];
        new CemPlanner(options).Plan(cost, keys, plans, best);

        using var device = new DeviceMemory(Gpus.Require("sim"));
        float[] std = [.. Enumerable.Repeat(options.InitialStd, problems * length)], worst = [.. Enumerable.Repeat(float.PositiveInfinity, problems)];
        float[] candidates = new float[size], costs = new float[problems * options.Candidates];
        var args = new CemArgs
        {
            Candidates = device.Place(candidates), Costs = device.Place(costs), Mean = device.Place(new float[problems * length]), Std = device.Place(std),
            Best = device.Place(worst), Plan = device.Place(new float[problems * length]), Keys = device.Place(keys), Iteration = device.Place([0UL]),
            Count = options.Candidates, Length = length, Elites = options.Elites, MinStd = options.MinStd, Bound = options.Bound,
        };
        for (int iteration = 0; iteration < options.Iterations; iteration++)
        {
            device.Launch("cem_sample", (options.Candidates * length + 1023) / 1024, problems, 0, args);
            device.Read(args.Candidates, candidates);
            cost.Evaluate(candidates, costs);
            device.Write(args.Costs, costs);
            device.Launch("cem_refit", problems, 1, 64 * sizeof(ulong), args);
        }

        float[] mean = new float[problems * length], lowest = new float[problems], plan = new float[problems * length];
        device.Read(args.Mean, mean);
        device.Read(args.Best, lowest);
        device.Read(args.Plan, plan);
        Assert.All(mean.Zip(plans), pair => Assert.Equal(pair.Second, pair.First, 1e-6f));
        Assert.Equal(best, lowest);
        new CemPlanner(options with { TakeBest = true }).Plan(cost, keys, plans = new float[problems * length], best);
        Assert.All(plan.Zip(plans), pair => Assert.Equal(pair.Second, pair.First, 1e-6f));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void FuturesArePricedByTheirDistanceFromTheGoal(bool nearest)
    {
        const int problems = 2, count = 5, steps = 3, width = 45;
        float[] path = new float[problems * count * (steps + 1) * width], goals = new float[problems * width], costs = new float[problems * count];
        Philox.FillNormal(new PhiloxKey(1), path);
        Philox.FillNormal(new PhiloxKey(2), goals);
        using var device = new DeviceMemory(Gpus.Require("sim"));
        // The first embedding of a path is where it starts.
        var args = new CemScoreArgs
        {
            Path = device.Place(path) + width * sizeof(float), Goals = device.Place(goals), Costs = device.Place(costs),
            CandidateStride = (steps + 1) * width, StepStride = width, Candidates = problems * count, Count = count, Steps = steps, Width = width,
            Nearest = nearest ? 1 : 0, MeanWeight = 0.03f,
        };
        device.Launch("cem_score", (problems * count + 7) / 8, 1, 0, args);
        device.Read(args.Costs, costs);
        for (int n = 0; n < costs.Length; n++)
        {
            double[] distances = new double[steps];
            for (int step = 0; step < steps; step++)
                for (int i = 0; i < width; i++)
                    distances[step] += Math.Pow(path[(n * (steps + 1) + step + 1) * width + i] - goals[n / count * width + i], 2);
            Assert.Equal(nearest ? distances.Min() + 0.03 * distances.Average() : distances[^1], costs[n], 1e-4);
        }
    }

    /// <summary>Arrays in a device's memory.</summary>
    private sealed class DeviceMemory(Device device) : IDisposable
    {
        private readonly CudaContext context = CudaDevices.Context(device);
        private readonly List<nint> blocks = [];

        public nint Place<T>(T[] values) where T : unmanaged
        {
            blocks.Add(context.Allocate(values.Length * sizeof(T)));
            Write(blocks[^1], values);
            return blocks[^1];
        }

        public void Write<T>(nint to, T[] values) where T : unmanaged => context.Upload(to, MemoryMarshal.AsBytes<T>(values));

        public void Read<T>(nint from, T[] values) where T : unmanaged => context.Download(from, MemoryMarshal.AsBytes(values.AsSpan()));

        public void Launch<TArgs>(string entry, int gridX, int gridY, int shared, TArgs args) where TArgs : unmanaged =>
            context.Launch(context.Kernel(new KernelSource("planner", "float"), entry), gridX, gridY, 1, 256, shared, &args, sizeof(TArgs));

        public void Dispose() => blocks.ForEach(context.Free);
    }
}
