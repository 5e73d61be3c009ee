namespace JepaEngine.Jepa.Environments;

/// <summary>
/// TwoRoom of stable-worldmodel (<c>swm/TwoRoom-v1</c>): a disc in two rooms joined by a door. State: (x, y), float32, in pixels of a
/// 224-pixel scene, whatever the frame's size. Action: a velocity in [-1, 1]² times <see cref="Speed"/>.
/// </summary>
public sealed partial class TwoRoom : IEnvironment
{
    /// <summary>Side of the scene that positions are measured in.</summary>
    public const int SceneSize = 224;

    /// <summary>Width of the margin around the rooms; its innermost <see cref="BorderThickness"/> pixels are drawn as a line.</summary>
    public const int Border = 14;

    /// <summary>Thickness of the line around the rooms.</summary>
    public const int BorderThickness = 4;

    /// <summary>Column of the wall's centre; a position left of it is in the left room.</summary>
    public const int WallCentre = 112;

    /// <summary>Half of the wall's thickness.</summary>
    public const int WallHalf = 5;

    /// <summary>Row of the door's centre.</summary>
    public const int DoorCentre = 49;

    /// <summary>Half of the door's opening.</summary>
    public const int DoorHalf = 14;

    /// <summary>The agent's radius, and the standard deviation of the blob that draws it.</summary>
    public const int AgentRadius = 7;

    /// <summary>Pixels a step at full action.</summary>
    public const float Speed = 5;

    /// <summary>A goal is reached below this distance.</summary>
    public const float GoalDistance = 16;

    /// <summary>Kind of a task whose goal is in the start's room.</summary>
    public const string SameRoom = "same room";

    /// <summary>Kind of a task whose goal is in the other room.</summary>
    public const string ThroughDoor = "through the door";

    private const float Low = Border + AgentRadius, High = SceneSize - Border - AgentRadius;
    private const float WallLeft = WallCentre - WallHalf - AgentRadius, WallRight = WallCentre + WallHalf + AgentRadius;
    private const float DoorMargin = 1.75f, DoorTop = DoorCentre - DoorHalf - DoorMargin, DoorBottom = DoorCentre + DoorHalf + DoorMargin;
    private const float TaskDistance = 32;
    private static readonly float[] Lowest = [-1, -1], Highest = [1, 1];

    private readonly float[] position = [Low, Low];

    /// <summary>A world that starts in the upper left corner.</summary>
    /// <param name="size">Side of the frames: 224, or a divisor of it.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="size"/> does not divide 224.</exception>
    public TwoRoom(int size = SceneSize)
    {
        if (size <= 0 || SceneSize % size != 0)
            throw new ArgumentOutOfRangeException(nameof(size), size, $"a TwoRoom frame has a side that divides {SceneSize}: 224, 112, 56 ...");
        Size = size;
        scene = DrawScene(size);
        sceneBytes = [.. scene.SelectMany(value => Enumerable.Repeat((byte)value, 3))];
        reach = BlobReach(SceneSize / size);
        alphaX = new float[size];
        alphaY = new float[size];
    }

    /// <summary>Side of a frame.</summary>
    public int Size { get; }

    /// <inheritdoc/>
    public string Name => "two-room";

    /// <inheritdoc/>
    public int Height => Size;

    /// <inheritdoc/>
    public int Width => Size;

    /// <inheritdoc/>
    public int StateSize => 2;

    /// <inheritdoc/>
    public ReadOnlySpan<float> ActionLow => Lowest;

    /// <inheritdoc/>
    public ReadOnlySpan<float> ActionHigh => Highest;

    /// <inheritdoc/>
    public ReadOnlySpan<float> State => position;

    /// <summary>Whether a column belongs to the left room.</summary>
    public static bool IsLeft(float x) => x < WallCentre;

    /// <inheritdoc/>
    public void Reset(PhiloxRandom random)
    {
        ArgumentNullException.ThrowIfNull(random);
        SamplePosition(random, position);
    }

    /// <inheritdoc/>
    public void SetState(ReadOnlySpan<float> state)
    {
        // Written so that NaN fails too. Positions outside the rooms but inside the scene can be drawn, and the next step clamps them.
        if (state.Length != 2 || !(state[0] is >= 0 and < SceneSize && state[1] is >= 0 and < SceneSize))
            throw new ArgumentException($"[{string.Join(", ", state.ToArray())}] is no position (x, y) in [0, {SceneSize})", nameof(state));
        state.CopyTo(position);
    }

    /// <inheritdoc/>
    public void Step(ReadOnlySpan<float> action)
    {
        float x = Math.Clamp(position[0] + Math.Clamp(action[0], -1, 1) * Speed, Low, High);
        float y = Math.Clamp(position[1] + Math.Clamp(action[1], -1, 1) * Speed, Low, High);
        // Only the end point is tested, as in the original: a fast diagonal slips past the door's edge.
        if (y is not (>= DoorTop and <= DoorBottom))
        {
            if (IsLeft(position[0]))
                x = x > WallLeft ? WallLeft - .5f : x;
            else
                x = x < WallRight ? WallRight + .5f : x;
        }
        position[0] = x;
        position[1] = y;
    }

    /// <inheritdoc/>
    public bool Reached(ReadOnlySpan<float> goal) => SquaredDistance(position, goal) < GoalDistance * GoalDistance;

    /// <summary>Even episodes stay in one room, odd ones need the door; start and goal are at least 32 pixels apart.</summary>
    public GoalTask SampleTask(PhiloxKey key, int episode)
    {
        var random = new PhiloxRandom(key.Child((ulong)episode));
        bool sameRoom = episode % 2 == 0;
        float[] start = new float[2], goal = new float[2];
        do
        {
            SamplePosition(random, start);
            SamplePosition(random, goal);
        }
        while (IsLeft(start[0]) == IsLeft(goal[0]) != sameRoom || SquaredDistance(start, goal) < TaskDistance * TaskDistance);
        return new GoalTask(start, goal, sameRoom ? SameRoom : ThroughDoor);
    }

    // The original draws from [14, 209], clear of the wall, and its first step clamps; clamping here keeps recorded states reachable.
    private static void SamplePosition(PhiloxRandom random, Span<float> result)
    {
        float x;
        do
            x = random.NextUniform(Border, SceneSize - 1 - Border);
        while (x is >= WallLeft and <= WallRight);
        result[0] = Math.Clamp(x, Low, High);
        result[1] = Math.Clamp(random.NextUniform(Border, SceneSize - 1 - Border), Low, High);
    }

    private static float SquaredDistance(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        float dx = a[0] - b[0], dy = a[1] - b[1];
        return dx * dx + dy * dy;
    }
}
