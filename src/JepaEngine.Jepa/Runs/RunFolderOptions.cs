namespace JepaEngine.Jepa.Runs;

/// <summary>How a run is carried out; nothing of it changes what is learned.</summary>
public sealed record RunFolderOptions
{
    /// <summary>Episodes to learn from; null for those that the run records itself, or that it learned from before it
    /// is resumed.</summary>
    public string? Data { get; init; }

    /// <summary>Whether to go on from the folder's checkpoint.</summary>
    public bool Resume { get; init; }

    /// <summary>Whether the folder's run, or what else stands where a run's files lie, may be replaced. It stays until
    /// the new one has its first checkpoint.</summary>
    public bool Overwrite { get; init; }

    /// <summary>Steps from one checkpoint to the next; null for by time alone.</summary>
    public int? CheckpointEvery { get; init; }

    /// <summary>The longest time between two checkpoints.</summary>
    public TimeSpan CheckpointInterval { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Checkpoints to keep: the latest ones and, beside them, the best. 1 keeps the latest alone.</summary>
    public int Keep { get; init; } = 1;

    /// <summary>Refuses options that cannot be.</summary>
    /// <exception cref="ArgumentException">Something is wrong.</exception>
    public void Validate()
    {
        if (Resume && Overwrite)
            throw new ArgumentException("a run is either resumed or overwritten, not both");
        if (CheckpointEvery < 1)
            throw new ArgumentException($"a checkpoint every {CheckpointEvery} steps cannot be; it is 1 or more");
        if (CheckpointInterval <= TimeSpan.Zero)
            throw new ArgumentException($"a checkpoint every {CheckpointInterval} cannot be; it is above 0");
        if (Keep < 1)
            throw new ArgumentException($"{Keep} checkpoints cannot be kept; it is 1 or more");
    }
}
