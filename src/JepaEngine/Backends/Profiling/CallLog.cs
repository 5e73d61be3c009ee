using System.Diagnostics;
using JepaEngine.Cuda.Context;
using JepaEngine.Cuda.Driver;

namespace JepaEngine.Backends.Profiling;

/// <summary>
/// The calls of a <see cref="ProfiledBackend"/>, counted and timed. An operation that a backend calls itself belongs to
/// the one it is part of. On a GPU two marks in the stream time a call, and nobody waits before <see cref="Read"/>.
/// </summary>
internal sealed class CallLog : IDisposable
{
    private readonly CudaContext? context;
    private readonly Dictionary<Key, Entry> entries = [];
    private readonly List<(Entry Entry, CudaEvent Start, CudaEvent Stop)> marks = [];
    private readonly Stack<CudaEvent> free = [];
    private Entry? current;

    /// <param name="context">The GPU's, which tells of its launches until the end; null on the processor.</param>
    public CallLog(CudaContext? context)
    {
        this.context = context;
        if (context is not null)
            context.Launched = Note;
    }

    /// <summary>What was called so far or since <see cref="Clear"/>, most time first. Waits for the device.</summary>
    public IReadOnlyList<ProfiledOperation> Read()
    {
        if (marks.Count > 0)
            marks[^1].Stop.Synchronize();
        foreach ((Entry entry, CudaEvent start, CudaEvent stop) in marks)
        {
            entry.Milliseconds += stop.MillisecondsSince(start);
            free.Push(start);
            free.Push(stop);
        }
        marks.Clear();
        return [.. entries.Select(entry => entry.Value.Read(entry.Key, context)).OrderByDescending(operation => operation.Milliseconds)];
    }

    /// <summary>Forgets what was called so far.</summary>
    public void Clear()
    {
        Read();
        entries.Clear();
    }

    /// <summary>Ends.</summary>
    public void Dispose()
    {
        if (context is not null)
            context.Launched = null;
        foreach (CudaEvent mark in marks.SelectMany(mark => new[] { mark.Start, mark.Stop }).Concat(free))
            mark.Dispose();
        marks.Clear();
        free.Clear();
    }

    /// <summary>A call begins; it ends with the result's disposal.</summary>
    public Call Begin(string name, in Shape shape, string kind, double flops, double bytes)
    {
        var key = new Key(name, shape, kind);
        if (!entries.TryGetValue(key, out Entry? entry))
            entries.Add(key, entry = new Entry());
        entry.Calls++;
        entry.Flops += flops;
        entry.Bytes += bytes;
        current = entry;
        return new Call(this, entry);
    }

    private CudaEvent Mark()
    {
        if (!free.TryPop(out CudaEvent? mark))
            mark = new CudaEvent(context!);
        mark.Record();
        return mark;
    }

    private void Note(CudaFunction kernel, int sharedBytes)
    {
        if (current is null)
            return;
        (long launches, int most) = current.Kernels.GetValueOrDefault(kernel);
        current.Kernels[kernel] = (launches + 1, Math.Max(most, sharedBytes));
    }

    /// <summary>A call under way.</summary>
    public readonly struct Call : IDisposable
    {
        private readonly CallLog log;
        private readonly Entry entry;
        private readonly CudaEvent? start;
        private readonly long begin;

        public Call(CallLog log, Entry entry)
        {
            this.log = log;
            this.entry = entry;
            // Last of all, so that nothing of the profile's own is part of the time.
            if (log.context is null)
                begin = Stopwatch.GetTimestamp();
            else
                start = log.Mark();
        }

        public void Dispose()
        {
            if (start is null)
                entry.Milliseconds += Stopwatch.GetElapsedTime(begin).TotalMilliseconds;
            else
                log.marks.Add((entry, start, log.Mark()));
            log.current = null;
        }
    }

    public readonly record struct Key(string Name, Shape Shape, string Kind);

    /// <summary>All calls of one operation.</summary>
    public sealed class Entry
    {
        public long Calls { get; set; }
        public double Milliseconds { get; set; }
        public double Flops { get; set; }
        public double Bytes { get; set; }

        public Dictionary<CudaFunction, (long Launches, int SharedBytes)> Kernels { get; } = [];

        public ProfiledOperation Read(in Key key, CudaContext? context)
        {
            string lengths = key.Shape.Rank == 0 ? "1" : string.Join('x', key.Shape.ToArray());
            return new ProfiledOperation(key.Name, key.Kind.Length == 0 ? lengths : $"{lengths} {key.Kind}", Calls, Milliseconds, Flops, Bytes,
                [.. Kernels.OrderByDescending(kernel => kernel.Value.Launches).Select(kernel => Read(kernel.Key, kernel.Value, context!))]);
        }

        /// <summary>The simulator answers 0 registers, which no kernel has.</summary>
        private static ProfiledKernel Read(CudaFunction kernel, (long Launches, int SharedBytes) use, CudaContext context) => new(
            kernel.ToString(), use.Launches, kernel.Ask(context, FunctionAttribute.Registers) is > 0 and var registers ? registers : null,
            kernel.Ask(context, FunctionAttribute.StaticSharedBytes) + use.SharedBytes);
    }
}
