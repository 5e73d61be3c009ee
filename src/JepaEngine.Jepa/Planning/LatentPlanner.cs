namespace JepaEngine.Jepa.Planning;

/// <summary>What a <see cref="LatentPlanner"/> does.</summary>
public sealed record LatentPlannerOptions : IValidated
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

    /// <inheritdoc/>
    public void Validate()
    {
        Cem.Validate();
        var allowed = new Allowed("planner");
        allowed.Named(Cost);
        allowed.Range(ActionRepeat, 1, 1 << 16);
        allowed.Range(ExecuteBlocks, 1, Cem.Horizon);
    }

    /// <summary>Refuses a planner whose actions do not fill a model's blocks.</summary>
    /// <param name="actionWidth">Numbers in an action block of the model.</param>
    /// <exception cref="ArgumentException">They do not.</exception>
    public void Require(int actionWidth) => new Allowed("planner").If((long)Cem.ActionSize * ActionRepeat == actionWidth,
        $"{Cem.ActionSize} numbers repeated {ActionRepeat} times do not fill the model's action "
            + $"block of {actionWidth}; "
        + $"change cem.actionSize or actionRepeat");
}

/// <summary>
/// Plans with a world model: encodes what is seen and the goal once, then imagines all candidates of all problems as
/// one batch. On the processor many threads may use one planner, each with tensors of its own. On a GPU the search
/// runs there: the first plan for a number of problems records an iteration, and the planner keeps the recording and
/// its memory until it is disposed, before its model; one plan is made after another, and no other thread may use the
/// GPU during the first.
/// </summary>
public sealed class LatentPlanner : IDisposable
{
    private readonly IWorldModel world;
    private readonly CemPlanner cem;
    private readonly Lock gate = new();
    private RecordedSearch? search;
    private volatile bool isDisposed;

    /// <summary>A planner over a world model, which its caller disposes after the planner.</summary>
    /// <exception cref="ArgumentException">The planned actions do not fill the model's action blocks.</exception>
    public LatentPlanner(IWorldModel world, LatentPlannerOptions options)
    {
        options.Require(world.ActionWidth);
        this.world = world;
        Options = options;
        cem = new CemPlanner(options.Cem);
    }

    /// <summary>The settings.</summary>
    public LatentPlannerOptions Options { get; }

    /// <summary>Plans from what is seen to what shall be seen, both as pictures of the model's size.</summary>
    /// <exception cref="ArgumentException">A picture has another size.</exception>
    /// <exception cref="NumericException">No candidate's cost is finite.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public Plan Plan(Picture now, Picture goal, PlanOptions? options = null, CancellationToken cancellation = default)
    {
        Require(now, nameof(now));
        Require(goal, nameof(goal));
        return Plan(now.Rgb, goal.Rgb, options, cancellation);

        void Require(Picture picture, string name)
        {
            if (world.Observation != [picture.Height, picture.Width, 3])
                throw new ArgumentException($"Plan: {name} is a picture of {picture.Height} rows and {picture.Width} "
                    + $"columns, but the model sees {world.Observation}; bring it to that size (Resize.Run)", name);
        }
    }

    /// <summary>As for pictures, from their bytes [H, W, 3], red first.</summary>
    /// <exception cref="ArgumentException">There are more or fewer bytes.</exception>
    /// <exception cref="NumericException">No candidate's cost is finite.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public Plan Plan(ReadOnlySpan<byte> now, ReadOnlySpan<byte> goal, PlanOptions? options = null,
        CancellationToken cancellation = default)
    {
        using var scope = new TensorScope(world.Device, "plan");
        Tensor start = Encode(scope, now), end = Encode(scope, goal);
        if (!start.IsFinite() || !end.IsFinite())
            throw Fault("the pictures' latents are not finite");
        return Plan(start, end, options, cancellation);
    }

    /// <summary>Plans from one latent to another, each [1, ..] as <see cref="Encode"/> gives them.</summary>
    /// <param name="now">Where the plan begins.</param>
    /// <param name="goal">What <see cref="IWorldModel.Distance"/> is asked for the distance to.</param>
    /// <param name="options">How; null for seed 0.</param>
    /// <param name="cancellation">Ends the search between two iterations.</param>
    /// <exception cref="ArgumentException">There is not one latent each, or one holds NaN or infinity.</exception>
    /// <exception cref="NumericException">No candidate's cost is finite.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public Plan Plan(Tensor now, Tensor goal, PlanOptions? options = null, CancellationToken cancellation = default)
    {
        options ??= new PlanOptions();
        if (now.Shape[0] != 1 || goal.Shape[0] != 1)
        {
            throw new ArgumentException(
                $"Plan: now {now.Shape} and goal {goal.Shape} are not one latent each, [1, ..]");
        }
        if (!now.IsFinite() || !goal.IsFinite())
            throw new ArgumentException($"Plan: {(now.IsFinite() ? "goal" : "now")} holds NaN or infinity");
        float[] plan = new float[Options.Cem.Horizon * Options.Cem.ActionSize], cost = new float[1];
        Plan(now, goal, [new PhiloxKey(options.Seed)], plan, cost, cancellation);
        float[] latents = [];
        if (options.KeepLatents)
        {
            using var scope = new TensorScope(world.Device, "imagined");
            latents = Imagine(scope.Use(now), plan).ToArray<float>();
        }
        float[][] actions = [.. ToEnvironment(plan).Chunk(world.ActionWidth)];
        return new Plan(actions, cost[0], Options.Cem.Candidates * Options.Cem.Iterations, latents);
    }

    /// <summary>Latents [P, ..] of observations in bytes, pictures [P, H, W, 3].</summary>
    /// <exception cref="ArgumentException">They are not whole observations.</exception>
    public Tensor Encode(TensorScope scope, ReadOnlySpan<byte> frames)
    {
        long bytes = world.Observation.Count;
        if (frames.Length == 0 || frames.Length % bytes != 0)
        {
            throw new ArgumentException($"{frames.Length} bytes are not whole frames of {world.Observation}, "
                + $"{bytes} bytes each", nameof(frames));
        }
        return world.Encode(scope.FromRaw(frames, new Shape([(int)(frames.Length / bytes), .. world.Observation])));
    }

    /// <summary>Plans many problems at once, in the model's units.</summary>
    /// <param name="starts">[P, ..].</param>
    /// <param name="goals">[P, ..].</param>
    /// <param name="keys">One key a problem.</param>
    /// <param name="plans">[P, H, A]: the first means going in, the plans coming out; <see cref="ToEnvironment"/> says how to carry one out.</param>
    /// <param name="costs">[P]: the best cost seen.</param>
    /// <param name="cancellation">Ends the search between two iterations; on a GPU, between their launches.</param>
    /// <exception cref="ArgumentException">A tensor or span is not of this shape.</exception>
    /// <exception cref="NumericException">No candidate's cost is finite for one of the problems.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public void Plan(Tensor starts, Tensor goals, ReadOnlySpan<PhiloxKey> keys, Span<float> plans, Span<float> costs,
        CancellationToken cancellation = default)
    {
        ObjectDisposedException.ThrowIf(isDisposed, this);
        if (world.Device.IsHost)
        {
            cem.Plan(new Pricing(this, starts, goals), keys, plans, costs, cancellation);
        }
        else
        {
            cem.Require(keys.Length, plans, costs);
            lock (gate)
            {
                ObjectDisposedException.ThrowIf(isDisposed, this);
                if (search?.Problems != keys.Length)
                {
                    search?.Dispose();
                    search = null;
                    search = new RecordedSearch(this, cem, starts, goals);
                }
                search.Plan(starts, goals, keys, plans, costs, cancellation);
            }
        }
        // The best of costs that were never finite is where the search began: infinity.
        foreach (float cost in costs)
            if (!float.IsFinite(cost))
                throw Fault("no candidate's cost is finite");
    }

    private NumericException Fault(string what) => new($"Plan: {what}: " + (world.NotFinite() is { } parameter
        ? $"the model's {parameter} holds NaN or infinity; take a checkpoint from before it did"
        : "the model imagines NaN or infinity from finite numbers; are they what it was trained on?"));

    /// <summary>The environment's actions, one a step, that carry planned actions [.., A] out.</summary>
    public float[] ToEnvironment(ReadOnlySpan<float> actions)
    {
        int size = Options.Cem.ActionSize, repeat = Options.ActionRepeat;
        float[] steps = new float[actions.Length * repeat];
        for (int i = 0; i < actions.Length; i += size)
            for (int r = 0; r < repeat; r++)
                actions.Slice(i, size).CopyTo(steps.AsSpan(i * repeat + r * size));
        world.ActionScale.Revert(steps);
        return steps;
    }

    /// <summary>The latents [P, H, ..] that plans [P, H, A] lead to from latents [P, ..].</summary>
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
        return world.Imagine(starts, blocks.Reshape(sequences, steps, repeat * size));
    }

    /// <summary>
    /// Prices sequences F32 [P N, H, A] from latents [P N, ..] to goals [P, ..] into costs F32 [P, N].
    /// </summary>
    internal void Price(Tensor starts, Tensor goals, Tensor actions, Tensor costs) =>
        world.Distance(Imagine(starts, actions), goals, Options.Cost, costs);

    /// <summary>What it costs to hold each of many actions: the energy landscape at a state.</summary>
    /// <param name="starts">[1, ..].</param>
    /// <param name="goals">[1, ..].</param>
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

    /// <summary>Waits for a GPU's plan, and gives back what it keeps for the next, which throws.</summary>
    /// <exception cref="InvalidOperationException">The plan itself disposes it.</exception>
    public void Dispose()
    {
        if (gate.IsHeldByCurrentThread)
            throw new InvalidOperationException("the planner is disposed by what it plans with; "
                + "dispose it after the plan");
        isDisposed = true;
        lock (gate)
        {
            search?.Dispose();
            search = null;
        }
    }

    /// <summary>Prices candidates of the host for problems from latents [P, ..] to goals [P, ..].</summary>
    private sealed class Pricing(LatentPlanner planner, Tensor start, Tensor goal) : IPlanCost
    {
        public void Evaluate(ReadOnlySpan<float> candidates, Span<float> costs)
        {
            int problems = start.Shape[0], count = costs.Length / problems, size = planner.Options.Cem.ActionSize;
            int numbers = (int)(start.Shape.Count / problems);
            using var scope = new TensorScope(start.Device, "candidates");
            Tensor repeated = scope.Use(start).Reshape(problems, 1, numbers).Broadcast([problems, count, numbers]);
            Tensor starts = repeated.Reshape(start.Shape.With(0, costs.Length).ToArray());
            Tensor actions = scope.FromRaw(candidates, [costs.Length, candidates.Length / costs.Length / size, size]);
            Tensor priced = scope.Empty([problems, count], DType.F32);
            planner.Price(starts, scope.Use(goal).Contiguous(), actions, priced);
            priced.CopyTo(costs);
        }
    }
}
