using JepaEngine.Backends;

namespace JepaEngine.Jepa.Planning;

/// <summary>Prices action sequences; a cost is lower the better.</summary>
public interface IPlanCost
{
    /// <summary>Prices [P, N, H, A] candidates into costs [P, N]: N sequences of H actions of A numbers for each of P problems.</summary>
    void Evaluate(ReadOnlySpan<float> candidates, Span<float> costs);
}

/// <summary>The cross-entropy method's settings. The defaults are LeWorldModel's published ones.</summary>
public sealed record CemOptions : IValidated
{
    /// <summary>N: sequences an iteration.</summary>
    public int Candidates { get; init; } = 300;

    /// <summary>The best sequences the next mean and standard deviation are taken from.</summary>
    public int Elites { get; init; } = 30;

    /// <summary>Number of iterations.</summary>
    public int Iterations { get; init; } = 30;

    /// <summary>H: actions in a sequence.</summary>
    public int Horizon { get; init; } = 5;

    /// <summary>A: numbers in an action.</summary>
    public int ActionSize { get; init; } = 10;

    /// <summary>Standard deviation of the first iteration.</summary>
    public float InitialStd { get; init; } = 1;

    /// <summary>The standard deviation never falls below this.</summary>
    public float MinStd { get; init; }

    /// <summary>Every number is clamped to ± this; infinity never clamps.</summary>
    public float Bound { get; init; } = float.PositiveInfinity;

    /// <summary>
    /// Where positive, all candidates of the first iteration hold one action over each of this many random segments instead of drawing every step anew: routes
    /// around a wall need actions that last.
    /// </summary>
    public int FirstSegments { get; init; }

    /// <summary>Whether the plan is the best candidate any iteration saw, rather than the last mean: two routes around a wall average into the wall.</summary>
    public bool TakeBest { get; init; }

    /// <summary>The settings of <c>jepa demo</c>.</summary>
    public static CemOptions Demo => new()
    {
        Candidates = 256, Elites = 6, Iterations = 4, Horizon = 14, ActionSize = 2, MinStd = 0.05f, Bound = 1,
        FirstSegments = 3, TakeBest = true,
    };

    /// <inheritdoc/>
    public void Validate()
    {
        var allowed = new Allowed("planner.cem");
        allowed.Range(Candidates, 2, 1 << 20);
        // An unbiased deviation needs two.
        allowed.Range(Elites, 2, Candidates);
        allowed.Range(Iterations, 1, 1 << 16);
        allowed.Range(Horizon, 1, 1 << 16);
        allowed.Range(ActionSize, 1, 1 << 16);
        allowed.If((long)Candidates * Horizon * ActionSize <= 1 << 28,
            $"{Candidates} candidates of {Horizon} x {ActionSize} numbers are more than {1 << 28} numbers");
        // Of actions, which are about 1 large.
        allowed.Above(InitialStd, 0, 1e6f);
        allowed.Range(MinStd, 0, Math.Min(InitialStd, Bound));
        allowed.Above(Bound, 0, float.PositiveInfinity);
        allowed.Range(FirstSegments, 0, 1024);
    }
}

/// <summary>
/// The cross-entropy method (Rubinstein 1999) for many problems at once: draws candidates, prices all in one call, refits a Gaussian to the elites (mean,
/// unbiased standard deviation). From the second iteration on, and where the first is Gaussian, candidate 0 is the mean itself. A problem's candidates depend on its key
/// alone, not on what is planned beside it.
/// </summary>
public sealed class CemPlanner
{
    private readonly CemOptions options;
    private readonly int length;

    /// <summary>A planner with these settings.</summary>
    /// <exception cref="ArgumentException">Settings that cannot be.</exception>
    public CemPlanner(CemOptions options)
    {
        options.Validate();
        this.options = options;
        length = options.Horizon * options.ActionSize;
    }

    /// <summary>Plans.</summary>
    /// <param name="cost">Prices candidates of all problems at once.</param>
    /// <param name="keys">One key a problem.</param>
    /// <param name="plans">[P, H, A]: the first means going in (zeros, or what is left of an earlier plan), the plans coming out.</param>
    /// <param name="best">[P]: the cost of each plan where <see cref="CemOptions.TakeBest"/> is set, else the lowest cost seen.</param>
    /// <param name="cancellation">Ends the search between two iterations.</param>
    /// <exception cref="ArgumentException">A span has another length.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public void Plan(IPlanCost cost, ReadOnlySpan<PhiloxKey> keys, Span<float> plans, Span<float> best,
        CancellationToken cancellation = default)
    {
        int problems = keys.Length, count = options.Candidates;
        Require(problems, plans, best);
        float[] candidates = new float[problems * count * length], costs = new float[problems * count];
        float[] std = new float[problems * length], bestPlans = new float[problems * length];
        std.AsSpan().Fill(options.InitialStd);
        best.Fill(float.PositiveInfinity);
        for (int iteration = 0; iteration < options.Iterations; iteration++)
        {
            cancellation.ThrowIfCancellationRequested();
            for (int p = 0; p < problems; p++)
            {
                Span<float> mine = candidates.AsSpan(p * count * length, count * length);
                PhiloxKey key = keys[p].Child((ulong)iteration);
                if (iteration == 0 && options.FirstSegments > 0)
                    DrawSegments(key, mine);
                else
                    HostCem.Sample(key, plans.Slice(p * length, length), std.AsSpan(p * length, length), options.Bound, mine);
            }
            cost.Evaluate(candidates, costs);
            for (int p = 0; p < problems; p++)
            {
                HostCem.Refit(candidates.AsSpan(p * count * length, count * length), costs.AsSpan(p * count, count), options.Elites, options.MinStd,
                    plans.Slice(p * length, length), std.AsSpan(p * length, length), ref best[p], bestPlans.AsSpan(p * length, length));
            }
        }
        if (options.TakeBest)
            bestPlans.CopyTo(plans);
    }

    /// <exception cref="ArgumentException">A span has another length.</exception>
    internal void Require(int problems, ReadOnlySpan<float> plans, ReadOnlySpan<float> best)
    {
        if (plans.Length != problems * length || best.Length != problems)
            throw new ArgumentException($"{problems} problems need plans of {problems * length} and {problems} costs, not {plans.Length} and {best.Length}");
    }

    /// <summary>The candidates [N, H, A] of a first iteration in segments.</summary>
    internal void DrawSegments(PhiloxKey key, Span<float> candidates)
    {
        int segments = options.FirstSegments, size = options.ActionSize;
        var random = new PhiloxRandom(key);
        Span<float> cuts = stackalloc float[segments - 1], level = stackalloc float[size];
        for (int n = 0; n < options.Candidates; n++)
        {
            foreach (ref float cut in cuts)
                cut = random.NextUniform(0, options.Horizon);
            cuts.Sort();
            int segment = -1;
            for (int step = 0; step < options.Horizon; step++)
            {
                int now = 0;
                while (now < cuts.Length && step >= cuts[now])
                    now++;
                if (now != segment)
                {
                    segment = now;
                    foreach (ref float number in level)
                        number = Math.Clamp(options.InitialStd * random.NextNormal(), -options.Bound, options.Bound);
                }
                level.CopyTo(candidates.Slice(n * length + step * size, size));
            }
        }
    }
}
