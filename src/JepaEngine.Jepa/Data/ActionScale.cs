namespace JepaEngine.Jepa.Data;

/// <summary>
/// Turns an environment's actions into what a model takes, (action − Mean)/Std for each action dimension, and back. The published recipe takes
/// mean and unbiased standard deviation from the data, so that a planner's standard normal candidates look like recorded actions.
/// </summary>
/// <param name="Mean">One number an action dimension; empty leaves actions as they are.</param>
/// <param name="Std">One number an action dimension; empty leaves actions as they are.</param>
public sealed record ActionScale(float[] Mean, float[] Std)
{
    /// <summary>Leaves actions as they are.</summary>
    public static ActionScale None { get; } = new([], []);

    /// <summary>The statistics of actions [N, A]; a row that holds a NaN (the last of an episode) is left out.</summary>
    /// <exception cref="ArgumentException">Fewer than two rows are left, or a dimension never changes.</exception>
    public static ActionScale Of(IEnumerable<ReadOnlyMemory<float>> actions, int size)
    {
        double[] sum = new double[size], squares = new double[size];
        long count = 0;
        foreach (ReadOnlyMemory<float> part in actions)
        {
            ReadOnlySpan<float> span = part.Span;
            for (int at = 0; at < span.Length; at += size)
            {
                ReadOnlySpan<float> row = span.Slice(at, size);
                if (HasNaN(row))
                    continue;
                count++;
                for (int i = 0; i < size; i++)
                {
                    // Welford's update keeps the variance exact for means far from 0.
                    double delta = row[i] - sum[i];
                    sum[i] += delta / count;
                    squares[i] += delta * (row[i] - sum[i]);
                }
            }
        }
        float[] std = [.. squares.Select(square => (float)Math.Sqrt(square / (count - 1)))];
        if (count < 2 || Array.Exists(std, value => !(value > 0)))
            throw new ArgumentException($"{count} actions with standard deviations [{string.Join(", ", std)}] cannot be scaled by them");
        return new ActionScale([.. sum.Select(value => (float)value)], std);
    }

    /// <summary>Scales actions [.., A] in place; NaN becomes 0, the mean.</summary>
    public void Apply(Span<float> actions)
    {
        for (int i = 0; i < actions.Length && Mean.Length > 0; i++)
        {
            float scaled = (actions[i] - Mean[i % Mean.Length]) / Std[i % Mean.Length];
            actions[i] = float.IsNaN(scaled) ? 0 : scaled;
        }
    }

    /// <summary>Scales model actions [.., A] back to the environment's, in place.</summary>
    public void Revert(Span<float> actions)
    {
        for (int i = 0; i < actions.Length && Mean.Length > 0; i++)
            actions[i] = actions[i] * Std[i % Mean.Length] + Mean[i % Mean.Length];
    }

    private static bool HasNaN(ReadOnlySpan<float> row)
    {
        foreach (float number in row)
            if (float.IsNaN(number))
                return true;
        return false;
    }
}
