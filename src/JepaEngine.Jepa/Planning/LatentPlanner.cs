using JepaEngine.Jepa.Models;
using JepaEngine.Ops;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Jepa.Planning;

/// <summary>How an imagined trajectory is priced by the squared distances d_1 … d_H of its embeddings from the goal's.</summary>
public enum PathCost
{
    /// <summary>d_H: where it ends (LeWorldModel's published cost).</summary>
    Last,
    /// <summary>min d + 0.03 · mean d: that it gets there, and a little how soon. The last distance alone procrastinates when replanned.</summary>
    Nearest,
}

/// <summary>What a <see cref="LatentPlanner"/> does.</summary>
public sealed record LatentPlannerOptions
{
    /// <summary>The search.</summary>
    public CemOptions Cem { get; init; } = new();

    /// <summary>How trajectories are priced.</summary>
    public PathCost Cost { get; init; } = PathCost.Last;

    /// <summary>How often a planned action is repeated within one block of the model.</summary>
    public int ActionRepeat { get; init; } = 1;

    /// <summary>Blocks that are carried out before planning again.</summary>
    public int ExecuteBlocks { get; init; } = 5;

    /// <summary>LeWorldModel's published settings: all five blocks are carried out.</summary>
    public static LatentPlannerOptions Published => new();

    /// <summary>The settings of <c>jepa demo</c>.</summary>
    public static LatentPlannerOptions Demo => new() { Cem = CemOptions.Demo, Cost = PathCost.Nearest, ActionRepeat = 5, ExecuteBlocks = 2 };
}

/// <summary>
/// Plans with a world model: encodes the present frame and the goal's once, then imagines all candidates of all problems as one batch. On the processor many
/// threads may use one planner, each with tensors of its own. On a GPU the search runs there: the first plan for a number of problems records an iteration, and
/// the planner keeps the recording and its memory until it is disposed, before its model; one plan is made after another, and no other thread may use the
/// GPU during the first.
/// </summary>
public sealed class LatentPlanner : IDisposable
{
    /// <summary>The weight of the mean in <see cref="PathCost.Nearest"/>.</summary>
    private const double MeanWeight = 0.03;

    private readonly LeWorldModel model;
    private readonly CemPlanner cem;
    private readonly Lock gate = new();
    private RecordedSearch? search;

    /// <summary>A planner over a trained model, which is switched to evaluation.</summary>
    /// <exception cref="ArgumentException">The planned actions do not fill the model's action blocks.</exception>
    public LatentPlanner(LeWorldModel model, LatentPlannerOptions options)
    {
        if (options.Cem.ActionSize * options.ActionRepeat != model.Config.ActionWidth)
            throw new ArgumentException($"{options.Cem.ActionSize} numbers repeated {options.ActionRepeat} times do not fill the model's action block of "
                + $"{model.Config.ActionWidth}", nameof(options));
        this.model = model;
        Options = options;
        cem = new CemPlanner(options.Cem);
        model.Train(false);
    }

    /// <summary>The settings.</summary>
    public LatentPlannerOptions Options { get; }

    /// <summary>Embeds frames u8 [P, H, W, 3] into [P, D].</summary>
    /// <exception cref="ArgumentException">The frames are not of the model's size.</exception>
    public Tensor Encode(TensorScope scope, ReadOnlySpan<byte> frames)
    {
        int size = model.Config.ImageSize, bytes = size * size * 3;
        if (frames.Length % bytes != 0)
            throw new ArgumentException($"{frames.Length} bytes are not whole frames of {size}x{size}x3", nameof(frames));
        return model.Encode(scope.FromRaw(frames, [frames.Length / bytes, size, size, 3]).Permute(0, 3, 1, 2));
    }

    /// <summary>Plans from embeddings.</summary>
    /// <param name="starts">[P, D].</param>
    /// <param name="goals">[P, D].</param>
    /// <param name="keys">One key a problem.</param>
    /// <param name="plans">[P, H, A]: the first means going in, the plans coming out; <see cref="ToEnvironment"/> says how to carry one out.</param>
    /// <param name="costs">[P]: the best cost seen.</param>
    /// <exception cref="ArgumentException">A tensor or span is not of this shape.</exception>
    public void Plan(Tensor starts, Tensor goals, ReadOnlySpan<PhiloxKey> keys, Span<float> plans, Span<float> costs)
    {
        if (model.Device.IsHost)
        {
            cem.Plan(new Pricing(this, starts, goals), keys, plans, costs);
            return;
        }
        cem.Require(keys.Length, plans, costs);
        lock (gate)
        {
            if (search?.Problems != keys.Length)
            {
                Dispose();
                search = new RecordedSearch(this, cem, model, keys.Length);
            }
            search.Plan(starts, goals, keys, plans, costs);
        }
    }

    /// <summary>The environment's actions, one a step, that carry planned actions [.., A] out.</summary>
    public float[] ToEnvironment(ReadOnlySpan<float> actions)
    {
        int size = Options.Cem.ActionSize, repeat = Options.ActionRepeat;
        float[] steps = new float[actions.Length * repeat];
        for (int i = 0; i < actions.Length; i += size)
            for (int r = 0; r < repeat; r++)
                actions.Slice(i, size).CopyTo(steps.AsSpan(i * repeat + r * size));
        model.Config.ActionScale.Revert(steps);
        return steps;
    }

    /// <summary>The embeddings [P, H, D] that plans [P, H, A] lead to from embeddings [P, D].</summary>
    public Tensor Imagine(Tensor starts, ReadOnlySpan<float> plans)
    {
        int problems = starts.Shape[0], size = Options.Cem.ActionSize;
        return Imagine(starts, starts.Scope.FromRaw(plans, [problems, plans.Length / problems / size, size]));
    }

    private Tensor Imagine(Tensor starts, Tensor actions)
    {
        int sequences = actions.Shape[0], steps = actions.Shape[1], size = actions.Shape[2], repeat = Options.ActionRepeat;
        Tensor blocks = actions.Scope.Empty([sequences, steps, repeat, size]);
        blocks.CopyFrom(actions.Reshape(sequences, steps, 1, size).Broadcast(blocks.Shape));
        return LatentRollout.Run(model, starts, blocks.Reshape(sequences, steps, repeat * size));
    }

    /// <summary>Prices action sequences F32 [P N, H, A] from embeddings [P N, D] to embeddings [P, D] into costs F32 [P, N].</summary>
    internal void Price(Tensor starts, Tensor goals, Tensor actions, Tensor costs) => model.Device.Backend.CemScore(
        Imagine(starts, actions).Operand, goals.Operand, Options.Cost == PathCost.Nearest ? MeanWeight : null, costs.Operand);

    /// <summary>What it costs to hold each of many actions: the energy landscape at a state.</summary>
    /// <param name="starts">[1, D].</param>
    /// <param name="goals">[1, D].</param>
    /// <param name="blocks">How many blocks each action is held.</param>
    /// <param name="actions">[N, A].</param>
    /// <returns>[N]: the cost of each, as the planner prices it.</returns>
    public float[] Landscape(Tensor starts, Tensor goals, int blocks, ReadOnlySpan<float> actions)
    {
        int size = Options.Cem.ActionSize, count = actions.Length / size;
        float[] held = new float[count * blocks * size], costs = new float[count];
        for (int n = 0; n < count; n++)
            for (int t = 0; t < blocks; t++)
                actions.Slice(n * size, size).CopyTo(held.AsSpan((n * blocks + t) * size));
        new Pricing(this, starts, goals).Evaluate(held, costs);
        return costs;
    }

    /// <summary>Gives back what a GPU keeps for the next plan.</summary>
    public void Dispose()
    {
        search?.Dispose();
        search = null;
    }

    /// <summary>Prices candidates of the host for problems from embeddings [P, D] to embeddings [P, D].</summary>
    private sealed class Pricing(LatentPlanner planner, Tensor start, Tensor goal) : IPlanCost
    {
        public void Evaluate(ReadOnlySpan<float> candidates, Span<float> costs)
        {
            int problems = start.Shape[0], width = start.Shape[1], count = costs.Length / problems, size = planner.Options.Cem.ActionSize;
            using var scope = new TensorScope(start.Device, "candidates");
            Tensor starts = scope.Use(start).Reshape(problems, 1, width).Broadcast([problems, count, width]).Reshape(costs.Length, width);
            Tensor actions = scope.FromRaw(candidates, [costs.Length, candidates.Length / costs.Length / size, size]);
            Tensor priced = scope.Empty([problems, count], DType.F32);
            planner.Price(starts, scope.Use(goal).Contiguous(), actions, priced);
            priced.CopyTo(costs);
        }
    }
}
