namespace JepaEngine.Jepa.Environments;

/// <summary>
/// A world that can be seen (RGB frames), acted in, and read out. A state is a handful of numbers that says everything about the
/// world: a state that is set gives the same frames and the same future as the one it was read from.
/// </summary>
public interface IEnvironment
{
    /// <summary>The name that recordings carry.</summary>
    string Name { get; }

    /// <summary>Rows of a frame.</summary>
    int Height { get; }

    /// <summary>Columns of a frame.</summary>
    int Width { get; }

    /// <summary>Numbers in a state.</summary>
    int StateSize { get; }

    /// <summary>Smallest action, one number for each action dimension; <see cref="Step"/> clamps to it.</summary>
    ReadOnlySpan<float> ActionLow { get; }

    /// <summary>Largest action, one number for each action dimension; <see cref="Step"/> clamps to it.</summary>
    ReadOnlySpan<float> ActionHigh { get; }

    /// <summary>The present state.</summary>
    ReadOnlySpan<float> State { get; }

    /// <summary>Begins at a random state.</summary>
    void Reset(PhiloxRandom random);

    /// <summary>Puts the world into a state.</summary>
    /// <exception cref="ArgumentException">The state has the wrong size or cannot be.</exception>
    void SetState(ReadOnlySpan<float> state);

    /// <summary>Acts once.</summary>
    void Step(ReadOnlySpan<float> action);

    /// <summary>Draws the present state: bytes [Height, Width, 3], red first.</summary>
    void Render(Span<byte> frame);

    /// <summary>Whether the present state counts as having reached a goal state.</summary>
    bool Reached(ReadOnlySpan<float> goal);

    /// <summary>
    /// A start and a goal. The same key and episode number give the same task, so that planners are compared on the same tasks.
    /// </summary>
    GoalTask SampleTask(PhiloxKey key, int episode);
}

/// <summary>Get from one state to another.</summary>
/// <param name="Start">State to begin in.</param>
/// <param name="Goal">State to reach.</param>
/// <param name="Kind">What makes the task easy or hard, as tables name it: "same room".</param>
public sealed record GoalTask(float[] Start, float[] Goal, string Kind);
