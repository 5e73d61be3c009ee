namespace JepaEngine.Memory;

/// <summary>
/// Memory of one device that lives until it is disposed, all of it at once. There is no finalizer and no ambient scope.
/// One thread at a time may use a scope. What others still compute with goes back when the last of them has ended: a
/// scope holds the scopes its results were computed from.
/// </summary>
public class MemoryScope : IDisposable
{
    // A long: a control loop opens ten thousand scopes a second, which an int would count for two days.
    private static long scopes;

    private readonly Allocator allocator;
    private readonly List<Storage> rented = [];
    private readonly List<Storage> borrowed = [];
    private readonly List<ILender> lenders = [];
    private List<MemoryScope>? held;
    private bool isHolder;
    private int isDisposed;

    // The scope itself and those that hold it: its memory goes back with the last.
    private int users = 1;

    /// <summary>The age of the youngest scope that there is.</summary>
    internal static long Youngest => Volatile.Read(ref scopes);

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

    /// <summary>Whether the scope is disposed: its tensors throw.</summary>
    public bool IsDisposed => Volatile.Read(ref isDisposed) != 0;

    /// <summary>Bytes this scope holds; what it borrowed belongs to others and does not count.</summary>
    public long BytesInUse { get; private set; }

    /// <summary>Memory for a tensor; its content is arbitrary.</summary>
    /// <exception cref="ObjectDisposedException">The scope is disposed.</exception>
    internal Storage Rent(long bytes)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        Storage storage = allocator.Rent(bytes);
        storage.Owner = this;
        Enter();
        rented.Add(storage);
        BytesInUse += storage.Capacity;
        return storage;
    }

    /// <summary>Memory that somebody else owns, as a block of this scope, which disposes the lender.</summary>
    /// <exception cref="ObjectDisposedException">The scope is disposed.</exception>
    internal Storage Borrow(nint pointer, long bytes, ILender lender)
    {
        bool known = lenders.Contains(lender);
        if (IsDisposed || known)
            lender.Dispose();
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        var storage = new Storage(pointer, bytes) { Owner = this };
        Enter();
        borrowed.Add(storage);
        if (!known)
            lenders.Add(lender);
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

    /// <summary>Keeps a tensor's memory where it is while this scope lives, even when the tensor's own is
    /// disposed.</summary>
    /// <exception cref="ObjectDisposedException">This scope is disposed.</exception>
    internal void Hold(Storage storage)
    {
        MemoryScope owner = storage.Owner!;
        if (ReferenceEquals(owner, this) || held?.Contains(owner) == true)
            return;
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        // Where it is gone already, the tensor says so itself.
        if (!owner.TryEnter())
            return;
        (held ??= []).Add(owner);
        allocator.Keep(owner);
    }

    /// <summary>One user more, who leaves; false where the memory has gone back. Throws as its lenders do.</summary>
    internal bool TryEnter()
    {
        int now = Volatile.Read(ref users), seen;
        do
        {
            if (now == 0)
                return false;
            seen = now;
        }
        while ((now = Interlocked.CompareExchange(ref users, seen + 1, seen)) != seen);
        try
        {
            foreach (ILender lender in lenders)
                lender.Require();
            return true;
        }
        catch
        {
            Leave();
            throw;
        }
    }

    /// <summary>One user less.</summary>
    internal void Leave()
    {
        if (Interlocked.Decrement(ref users) == 0)
            GiveBack();
    }

    /// <summary>
    /// Returns all memory, as soon as nobody computes with it; its tensors throw <see cref="ObjectDisposedException"/>
    /// from now on.
    /// </summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref isDisposed, 1) != 0)
            return;
        foreach (Storage storage in rented)
            storage.Version++;
        foreach (Storage storage in borrowed)
            storage.Version++;
        held?.ForEach(other => other.Leave());
        Leave();
        GC.SuppressFinalize(this);
    }

    private void GiveBack()
    {
        foreach (Storage storage in rented)
            allocator.Return(storage);
        foreach (ILender lender in lenders)
            lender.Dispose();
        rented.Clear();
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
