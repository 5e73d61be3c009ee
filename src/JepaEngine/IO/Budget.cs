namespace JepaEngine.IO;

/// <summary>
/// What reading a file's description may make of it, in bytes of memory as they are asked for: a few bytes can ask for
/// a list in a list in a list, or for the same text a thousand times.
/// </summary>
/// <param name="path">The file, for the message.</param>
/// <param name="bytes">The most.</param>
internal sealed class Budget(string path, long bytes)
{
    private long used;

    /// <summary>Takes from what is left, before memory is.</summary>
    /// <exception cref="BadFileException">Nothing is left.</exception>
    public void Charge(long wanted)
    {
        if (wanted > bytes - used)
            throw new BadFileException(path,
                $"what describes it takes more than {bytes >> 20} MB of memory, too much for a file of its size; "
                    + $"save only a state_dict()");
        used += wanted;
    }
}
