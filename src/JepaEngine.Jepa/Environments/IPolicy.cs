namespace JepaEngine.Jepa.Environments;

/// <summary>Chooses actions from the true state; a world model's planner, in contrast, sees frames only.</summary>
public interface IPolicy
{
    /// <summary>Writes the action to take in a state.</summary>
    void Act(ReadOnlySpan<float> state, Span<float> action);
}
