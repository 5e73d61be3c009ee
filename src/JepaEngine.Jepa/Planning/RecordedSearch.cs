using JepaEngine.Backends;

namespace JepaEngine.Jepa.Planning;

/// <summary>
/// The search of a <see cref="CemPlanner"/> on a GPU, for a number of problems: an iteration is one recording, and all of them are replays that follow one
/// another without the host. It begins with copies to the GPU and ends with one back.
/// </summary>
internal sealed class RecordedSearch : IDisposable
{
    private readonly LatentPlanner planner;
    private readonly CemPlanner cem;
    private readonly CemOptions options;
    private readonly TensorScope memory;
    private readonly Tensor starts, repeated, goals, candidates, costs, numbers, counters;
    private readonly CemState state;
    private readonly Capture iteration;

    /// <summary>Records an iteration for as many problems as there are latents [P, ..] to start from.</summary>
    public RecordedSearch(LatentPlanner planner, CemPlanner cem, Tensor start, Tensor goal)
    {
        this.planner = planner;
        this.cem = cem;
        options = planner.Options.Cem;
        int problems = Problems = start.Shape[0];
        memory = new TensorScope(start.Device, "search");
        int count = options.Candidates, length = options.Horizon * options.ActionSize;
        starts = memory.Zeros(start.Shape.With(0, problems * count));
        repeated = starts.Reshape(problems, count, -1);
        goals = memory.Zeros(goal.Shape);
        candidates = memory.Zeros([problems, count, length], DType.F32);
        costs = memory.Zeros([problems, count], DType.F32);
        // Means, standard deviations and best plans [P, L] and their costs [P] lie side by side, so that one copy brings or fetches them.
        numbers = memory.Zeros([problems * (3 * length + 1)], DType.F32);
        counters = memory.Zeros([2 * problems + 1], DType.I64);
        int size = problems * length;
        state = new CemState(candidates.Operand, costs.Operand, Numbers(0, problems, length), Numbers(size, problems, length),
            Numbers(3 * size, problems), Numbers(2 * size, problems, length), counters.Slice(0, 0, 2 * problems).Reshape(problems, 2).Operand,
            counters.Slice(0, 2 * problems, 1).Reshape().Operand)
        {
            Elites = options.Elites, MinStd = options.MinStd, Bound = options.Bound,
        };
        try
        {
            iteration = new Capture(memory.Device, Iterate);
        }
        catch
        {
            memory.Dispose();
            throw;
        }

        Operand Numbers(int at, params ReadOnlySpan<int> shape) => numbers.Operand with { Layout = new Layout(new Shape(shape), at) };
    }

    /// <summary>P.</summary>
    public int Problems { get; }

    // Asked each time: a profile takes a backend's place for a while.
    private Backend Backend => memory.Device.Backend;

    /// <summary>As that of <see cref="LatentPlanner"/>.</summary>
    public void Plan(Tensor start, Tensor goal, ReadOnlySpan<PhiloxKey> keys, Span<float> plans, Span<float> best,
        CancellationToken cancellation)
    {
        int size = plans.Length;
        repeated.CopyFrom(start.Reshape(Problems, 1, -1).Broadcast(repeated.Shape));
        goals.CopyFrom(goal);
        float[] host = new float[3 * size + Problems];
        plans.CopyTo(host);
        host.AsSpan(size, size).Fill(options.InitialStd);
        host.AsSpan(3 * size).Fill(float.PositiveInfinity);
        numbers.CopyFrom<float>(host);
        long[] counts = new long[2 * Problems + 1];
        for (int p = 0; p < Problems; p++)
            (counts[2 * p], counts[2 * p + 1]) = ((long)keys[p].Seed, (long)keys[p].Stream);
        counters.CopyFrom<long>(counts);
        if (options.FirstSegments > 0)
            candidates.CopyFrom<float>(Segments(keys));
        else
            Backend.CemSample(state);
        for (int i = 0; i < options.Iterations; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            iteration.Replay();
        }
        numbers.CopyTo(host.AsSpan());
        host.AsSpan(options.TakeBest ? 2 * size : 0, size).CopyTo(plans);
        host.AsSpan(3 * size).CopyTo(best);
    }

    public void Dispose()
    {
        iteration.Dispose();
        memory.Dispose();
    }

    /// <summary>From one draw to the next, so that the first may come from the host; the last draw is in vain, and takes microseconds.</summary>
    private void Iterate()
    {
        using var step = new TensorScope(memory.Device, "iteration");
        Tensor actions = step.Use(candidates).Reshape(-1, options.Horizon, options.ActionSize);
        planner.Price(step.Use(starts), goals, actions, costs);
        Backend.CemRefit(state);
        Backend.CemSample(state);
    }

    private float[] Segments(ReadOnlySpan<PhiloxKey> keys)
    {
        float[] drawn = new float[candidates.Shape.Count];
        int each = drawn.Length / keys.Length;
        for (int p = 0; p < keys.Length; p++)
            cem.DrawSegments(keys[p].Child(0), drawn.AsSpan(p * each, each));
        return drawn;
    }
}
