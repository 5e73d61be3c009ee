using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace JepaEngine.Backends.Cpu.Workers;

/// <summary>Work that falls into numbered parts. A part's result must not depend on which worker runs it.</summary>
internal interface IParallelWork
{
    /// <summary>Does part <paramref name="part"/> on worker <paramref name="worker"/> (0 is the caller).</summary>
    void Run(int part, int worker);
}

/// <summary>
/// Threads that run the parts of a kernel. The split into parts is the kernel's and does not depend on the number of threads, so results do
/// not either. A call costs about a microsecond and allocates nothing: idle workers spin for a while before they park. A second
/// caller meanwhile, or a part that calls again, runs its parts itself, and the caller never waits for a worker that has not taken a part.
/// </summary>
internal sealed unsafe class WorkerPool : IDisposable
{
    /// <summary>How long an idle worker spins: longer than the serial gaps inside a training step, shorter than a frame.</summary>
    private const int SpinMicroseconds = 200;

    /// <summary>Bits of the ticket's part number and part count; the rest numbers the jobs, so that a late worker's exchange fails.</summary>
    private const int PartBits = 20;
    private const long PartMask = (1L << PartBits) - 1;

    private readonly Thread[] threads;
    private readonly SemaphoreSlim wake = new(0);

    private delegate*<void*, int, int, void> run;
    private void* work;
    private ExceptionDispatchInfo? failure;
    private long job;
    private int busy;
    private volatile bool stop;

    /// <summary>job number | count of parts | next part, in one word: whoever advances it owns that part of that job.</summary>
    private PaddedLong ticket;
    private PaddedLong completed;
    private PaddedLong parked;

    /// <summary>Counters that different threads write lie on cache lines of their own.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 192)]
    private struct PaddedLong
    {
        [FieldOffset(64)] public long Value;
    }

    /// <summary>Starts <paramref name="workers"/> − 1 threads; the caller of <see cref="Run"/> is the first worker.</summary>
    public WorkerPool(int workers)
    {
        Workers = Math.Max(1, workers);
        threads = new Thread[Workers - 1];
        for (int i = 0; i < threads.Length; i++)
        {
            int worker = i + 1;
            threads[i] = new Thread(() => Loop(worker)) { IsBackground = true, Name = $"jepa worker {worker}" };
            threads[i].Start();
        }
    }

    /// <summary>Number of workers, the caller included.</summary>
    public int Workers { get; }

    /// <summary>Runs parts 0..count−1 of the work (fewer than a million) and returns when all are done.</summary>
    public void Run<TWork>(int count, ref TWork job) where TWork : struct, IParallelWork
    {
        if (count <= 1 || threads.Length == 0 || Interlocked.Exchange(ref busy, 1) != 0)
        {
            for (int part = 0; part < count; part++)
                job.Run(part, 0);
            return;
        }
        try
        {
#pragma warning disable CS8500 // A pointer to a struct with references: the job lies on the caller's stack, which outlives every part of it.
            fixed (TWork* pointer = &job)
#pragma warning restore CS8500
            {
                work = pointer;
                run = &Invoke<TWork>;
                completed.Value = 0;
                Volatile.Write(ref ticket.Value, (++this.job << (2 * PartBits)) | ((long)count << PartBits));
                Thread.MemoryBarrier();
                long sleeping = Volatile.Read(ref parked.Value);
                if (sleeping > 0)
                    wake.Release((int)Math.Min(sleeping, count - 1));
                TakeParts(0);
                while (Volatile.Read(ref completed.Value) != count)
                    Thread.SpinWait(5);
            }
            if (failure is { } error)
            {
                failure = null;
                error.Throw();
            }
        }
        finally
        {
            Volatile.Write(ref busy, 0);
        }
    }

    private static void Invoke<TWork>(void* job, int part, int worker) where TWork : struct, IParallelWork =>
        Unsafe.AsRef<TWork>(job).Run(part, worker);

    private static bool HasParts(long ticket) => (ticket & PartMask) < ((ticket >> PartBits) & PartMask);

    private void TakeParts(int worker)
    {
        while (true)
        {
            long current = Volatile.Read(ref ticket.Value);
            if (!HasParts(current))
                return;
            if (Interlocked.CompareExchange(ref ticket.Value, current + 1, current) != current)
                continue;
            try
            {
                run(work, (int)(current & PartMask), worker);
            }
            catch (Exception error)
            {
                Interlocked.CompareExchange(ref failure, ExceptionDispatchInfo.Capture(error), null);
            }
            Interlocked.Increment(ref completed.Value);
        }
    }

    private void Loop(int worker)
    {
        long spin = SpinMicroseconds * Stopwatch.Frequency / 1_000_000;
        long deadline = Stopwatch.GetTimestamp() + spin;
        while (!stop)
        {
            if (HasParts(Volatile.Read(ref ticket.Value)))
            {
                TakeParts(worker);
                deadline = Stopwatch.GetTimestamp() + spin;
            }
            else if (Stopwatch.GetTimestamp() < deadline)
            {
                Thread.SpinWait(10);
            }
            else
            {
                // Announce the nap before the last look: either this worker sees the new ticket or the caller sees it parked.
                Interlocked.Increment(ref parked.Value);
                if (!HasParts(Volatile.Read(ref ticket.Value)) && !stop)
                    wake.Wait();
                Interlocked.Decrement(ref parked.Value);
                deadline = Stopwatch.GetTimestamp() + spin;
            }
        }
    }

    /// <summary>Ends the threads; a caller of <see cref="Run"/> does the rest of its parts itself.</summary>
    public void Dispose()
    {
        stop = true;
        wake.Release(Math.Max(1, threads.Length));
        foreach (Thread thread in threads)
            thread.Join();
    }
}
