namespace JepaEngine.Jepa.Environments;

/// <summary>
/// Random actions that last: standard normal numbers clipped to the bounds, redrawn at each step with a probability and kept
/// otherwise. Held actions travel farther than white noise and meet walls, which is what a world model has to learn from.
/// </summary>
/// <param name="environment">Whose action bounds apply.</param>
/// <param name="random">Where the draws come from.</param>
/// <param name="redraw">Probability of a new action at each step; 1 is white noise.</param>
public sealed class HeldRandomPolicy(IEnvironment environment, PhiloxRandom random, float redraw = HeldRandomPolicy.DefaultRedraw) : IPolicy
{
    /// <summary>Six steps an action on average.</summary>
    public const float DefaultRedraw = 1f / 6;

    private readonly float[] held = new float[environment.ActionLow.Length];
    private bool drawn;

    /// <inheritdoc/>
    public void Act(ReadOnlySpan<float> state, Span<float> action)
    {
        if (!drawn || random.NextUniform() < redraw)
        {
            for (int i = 0; i < held.Length; i++)
                held[i] = Math.Clamp(random.NextNormal(), environment.ActionLow[i], environment.ActionHigh[i]);
            drawn = true;
        }
        held.CopyTo(action);
    }
}
