namespace JepaEngine.Memory;

/// <summary>Free blocks by their size. A recording has one of its own: what it replays works on these blocks, so nobody else may have them.</summary>
internal sealed class BlockPool
{
    private readonly Dictionary<long, Stack<Storage>> free = [];

    /// <summary>All blocks that belong to it, free or rented; kept for a recording only.</summary>
    public List<Storage> Members { get; } = [];

    /// <summary>The scopes a recording reads, which keep their memory as long as it.</summary>
    public List<MemoryScope> Kept { get; } = [];

    /// <summary>Of the youngest scope when it began: what is younger belongs to the recording.</summary>
    public long Age { get; } = MemoryScope.Youngest;

    public bool TryTake(long capacity, out Storage storage)
    {
        if (free.TryGetValue(capacity, out Stack<Storage>? stack) && stack.TryPop(out storage!))
            return true;
        storage = null!;
        return false;
    }

    public void Put(Storage storage)
    {
        if (!free.TryGetValue(storage.Capacity, out Stack<Storage>? stack))
            free.Add(storage.Capacity, stack = new Stack<Storage>());
        stack.Push(storage);
    }

    /// <summary>Takes all free blocks.</summary>
    public IEnumerable<Storage> Drain()
    {
        Storage[] all = [.. free.Values.SelectMany(stack => stack)];
        free.Clear();
        return all;
    }
}
