namespace JepaEngine.Memory;

/// <summary>
/// Memory of one device that lives until it is disposed, all of it at once. There is no finalizer and no ambient scope.
/// One thread at a time may use a scope.
/// </summary>
public class MemoryScope : IDisposable
{
    // A long: a control loop opens ten thousand scopes a second, which an int would count for two days.
    private static long scopes;

    private readonly Allocator allocator;
    private readonly List<Storage> rented = [];
    private readonly List<(Storage Storage, IDisposable Owner)> borrowed = [];
    private bool isHolder;

    /// <summary>Opens a scope on an allocator's memory, with the name that a leak report calls it.</summary>
    internal MemoryScope(Allocator allocator, string name)
    {
        this.allocator = allocator;
        Name = name;
        Age = Interlocked.Increment(ref scopes);
    }

    /// <summary>What a leak report calls it.</summary>
    public string Name { get; }

    /// <summary>Scopes are numbered as they open: of two, the one with the larger number is younger.</summary>
    public long Age { get; }

    /// <summary>Whether the scope has given its memory back.</summary>
    public bool IsDisposed { get; private set; }

    /// <summary>Bytes this scope holds; what it borrowed belongs to others and does not count.</summary>
    public long BytesInUse { get; private set; }

    /// <summary>Memory for a tensor; its content is arbitrary.</summary>
    /// <exception cref="ObjectDisposedException">The scope is disposed.</exception>
    internal Storage Rent(long bytes)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        Storage storage = allocator.Rent(bytes);
        Enter();
        rented.Add(storage);
        BytesInUse += storage.Capacity;
        return storage;
    }

    /// <summary>Memory that somebody else owns, as a block of this scope: <paramref name="owner"/> is disposed, and lets it go, when the scope is.</summary>
    /// <exception cref="ObjectDisposedException">The scope is disposed.</exception>
    internal Storage Borrow(nint pointer, long bytes, IDisposable owner)
    {
        if (IsDisposed)
            owner.Dispose();
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        var storage = new Storage(pointer, bytes);
        Enter();
        borrowed.Add((storage, owner));
        return storage;
    }

    /// <summary>Gives one block back before the scope ends, so that the next operation finds it warm in the cache.</summary>
    internal void Return(Storage storage)
    {
        // The block is nearly always a recent one.
        int index = rented.LastIndexOf(storage);
        if (index < 0)
            return;
        rented[index] = rented[^1];
        rented.RemoveAt(rented.Count - 1);
        BytesInUse -= storage.Capacity;
        allocator.Return(storage);
    }

    /// <summary>Returns all memory; its tensors throw <see cref="ObjectDisposedException"/> from now on.</summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Returns all memory.</summary>
    protected virtual void Dispose(bool disposing)
    {
        if (IsDisposed)
            return;
        IsDisposed = true;
        foreach (Storage storage in rented)
            allocator.Return(storage);
        rented.Clear();
        foreach ((Storage storage, IDisposable owner) in borrowed)
        {
            storage.Version++;
            owner.Dispose();
        }
        borrowed.Clear();
        BytesInUse = 0;
        if (isHolder)
            allocator.Leave(this);
    }

    /// <summary>As <c>2 blocks, 128 bytes</c>.</summary>
    public override string ToString() =>
        $"{rented.Count} blocks, {BytesInUse} bytes" + (borrowed.Count == 0 ? "" : $", {borrowed.Count} borrowed");

    private void Enter()
    {
        if (!isHolder)
            allocator.Enter(this);
        isHolder = true;
    }
}
