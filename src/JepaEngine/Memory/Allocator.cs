using System.Numerics;

namespace JepaEngine.Memory;

/// <summary>What an allocator holds, in bytes.</summary>
/// <param name="InUse">Rented now.</param>
/// <param name="Peak">The most ever rented at once.</param>
/// <param name="Cached">Free blocks kept for the next renter.</param>
/// <param name="Blocks">Number of blocks rented now.</param>
public readonly record struct MemoryReport(long InUse, long Peak, long Cached, int Blocks);

/// <summary>
/// A caching allocator of a device's memory: a returned block serves the next request of its size class, so that a training loop allocates
/// in its first step and never again. Safe for many threads.
/// </summary>
public sealed class Allocator
{
    internal const int Alignment = 64;

    /// <summary>Requests are rounded up so that at most 1/8 of a block is unused.</summary>
    private const int ClassesPerDoubling = 8;

    private readonly Lock gate = new();
    private readonly BlockPool shared = new();
    private readonly HashSet<MemoryScope> holders = [];
    private BlockPool? recording;
    private long inUse, peak, cached;
    private int blocks;
    private Action? closed;

    private readonly MemorySource source;

    internal Allocator(MemorySource source) => this.source = source;

    /// <summary>Rents a block of at least <paramref name="bytes"/> bytes; its content is arbitrary.</summary>
    /// <exception cref="MemoryRefusedException">The system has no such block; the message says how much is in use.</exception>
    internal Storage Rent(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        long capacity = SizeClass(bytes);
        lock (gate)
        {
            Storage storage = Take(capacity);
            source.Lend(storage, storage.Pool is null ? bytes : capacity);
            storage.Version++;
            inUse += capacity;
            peak = Math.Max(peak, inUse);
            blocks++;
            return storage;
        }
    }

    /// <summary>Takes a block back.</summary>
    internal void Return(Storage storage)
    {
        Action? last;
        lock (gate)
        {
            storage.Version++;
            if (storage.Pool is null)
                source.Lend(storage, 0);
            inUse -= storage.Capacity;
            cached += storage.Capacity;
            blocks--;
            (storage.Pool ?? shared).Put(storage);
            if (closed is not null)
                Drain();
            last = blocks == 0 ? closed : null;
        }
        last?.Invoke();
    }

    /// <summary>From now on blocks come from a pool of their own, which cached blocks enter as they are needed; those that return to it stay.</summary>
    /// <exception cref="InvalidOperationException">Something is being recorded already.</exception>
    internal BlockPool StartRecording()
    {
        lock (gate)
        {
            if (recording is not null)
                throw new InvalidOperationException("something is being recorded on this device already; record one after the other");
            return recording = new BlockPool();
        }
    }

    /// <summary>Ends what <see cref="StartRecording"/> began; the pool keeps its blocks.</summary>
    internal void EndRecording()
    {
        lock (gate)
            recording = null;
    }

    /// <summary>A recording that is being made keeps what it reads.</summary>
    internal void Keep(MemoryScope scope)
    {
        if (Volatile.Read(ref recording) is { } pool && scope.Age <= pool.Age && scope.TryEnter())
            pool.Kept.Add(scope);
    }

    /// <summary>Everybody may have a recording's blocks again.</summary>
    internal void Release(BlockPool pool)
    {
        foreach (MemoryScope scope in pool.Kept)
            scope.Leave();
        lock (gate)
        {
            foreach (Storage storage in pool.Members)
                storage.Pool = null;
            foreach (Storage storage in pool.Drain())
                shared.Put(storage);
        }
    }

    /// <summary>
    /// The open scopes that hold memory, oldest first, each with its name, blocks and bytes: what has not been disposed. Another thread that works in
    /// one meanwhile may change its figures.
    /// </summary>
    public IReadOnlyList<MemoryScope> Holders()
    {
        lock (gate)
            return [.. holders.OrderBy(scope => scope.Age)];
    }

    /// <summary>Enters a scope that rents its first block.</summary>
    internal void Enter(MemoryScope scope)
    {
        lock (gate)
            holders.Add(scope);
    }

    /// <summary>Strikes a scope off that has been disposed.</summary>
    internal void Leave(MemoryScope scope)
    {
        lock (gate)
            holders.Remove(scope);
    }

    /// <summary>Gives the cached blocks back to the system, but for those that a recording works on.</summary>
    public void Trim()
    {
        lock (gate)
            Drain();
    }

    /// <summary>Keeps no blocks from now on: the cached ones, and those that come back, go to the system.</summary>
    /// <param name="after">Called when the last block has come back; at once where none is out.</param>
    internal void Close(Action after)
    {
        bool empty;
        lock (gate)
        {
            closed = after;
            Drain();
            empty = blocks == 0;
        }
        if (empty)
            after();
    }

    /// <summary>What is rented and what is cached.</summary>
    public MemoryReport Report()
    {
        lock (gate)
            return new MemoryReport(inUse, peak, cached, blocks);
    }

    private Storage Take(long capacity)
    {
        if (recording is not null && recording.TryTake(capacity, out Storage storage))
        {
            cached -= capacity;
            return storage;
        }
        if (shared.TryTake(capacity, out storage))
            cached -= capacity;
        else
            storage = new Storage(Allocate(capacity), capacity);
        if (recording is not null)
        {
            storage.Pool = recording;
            recording.Members.Add(storage);
        }
        return storage;
    }

    private void Drain()
    {
        foreach (Storage storage in shared.Drain())
        {
            source.Free(storage.Pointer, storage.Capacity);
            cached -= storage.Capacity;
        }
    }

    /// <summary>A new block; where there is none, once more without the blocks that are cached.</summary>
    private nint Allocate(long capacity)
    {
        if (source.TryAllocate(capacity, out nint pointer))
            return pointer;
        Trim();
        if (source.TryAllocate(capacity, out pointer))
            return pointer;
        throw new MemoryRefusedException(
            $"no memory for a block of {capacity >> 20} MiB ({inUse >> 20} MiB in use{source.Describe()}); use a smaller batch");
    }

    internal static long SizeClass(long bytes)
    {
        if (bytes <= Alignment * ClassesPerDoubling)
            return Math.Max(Alignment, (bytes + Alignment - 1) / Alignment * Alignment);
        long step = (long)BitOperations.RoundUpToPowerOf2((ulong)bytes) / 2 / ClassesPerDoubling;
        return (bytes + step - 1) / step * step;
    }
}
