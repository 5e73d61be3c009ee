namespace JepaEngine.Jepa.Environments;

/// <summary>
/// Walks to a goal of <see cref="TwoRoom"/> at full speed by the true state: through the centre of the door where the goal is in
/// the other room. The yardstick that a planner's number of steps is read against.
/// </summary>
/// <param name="goal">Goal position (x, y).</param>
public sealed class ExpertPolicy(ReadOnlySpan<float> goal) : IPolicy
{
    // Nearer to the door's centre than this the agent heads for the goal.
    private const float DoorTolerance = 10.5f;

    private readonly float goalX = goal[0], goalY = goal[1];

    /// <inheritdoc/>
    public void Act(ReadOnlySpan<float> state, Span<float> action)
    {
        float x = state[0], y = state[1];
        (float dx, float dy) = (goalX - x, goalY - y);
        if (TwoRoom.IsLeft(x) != TwoRoom.IsLeft(goalX))
        {
            (float doorX, float doorY) = (TwoRoom.WallCentre - x, TwoRoom.DoorCentre - y);
            if (MathF.Sqrt(doorX * doorX + doorY * doorY) > DoorTolerance)
                (dx, dy) = (doorX, doorY);
        }
        float norm = MathF.Sqrt(dx * dx + dy * dy);
        float scale = norm > 1e-8f ? 1 / norm : 0;
        action[0] = dx * scale;
        action[1] = dy * scale;
    }
}
