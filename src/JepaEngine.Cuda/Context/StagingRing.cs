namespace JepaEngine.Cuda.Context;

/// <summary>
/// Copies between the host's pageable memory and the device through a few pinned blocks, so that the processor fills one while the device reads another. Made at the
/// first copy. Thread-safe.
/// </summary>
internal sealed unsafe class StagingRing(CudaContext context) : IDisposable
{
    // Four blocks of 1 MiB: large enough for the bus to reach its rate, small enough to lie in the processor's cache.
    private const int Blocks = 4, BlockBytes = 1 << 20;

    private readonly Lock busy = new();
    private byte* memory;
    private CudaEvent[]? done;
    private long next;

    public void Upload(nint destination, ReadOnlySpan<byte> source)
    {
        lock (busy)
            for (; source.Length > 0; destination += BlockBytes)
            {
                int count = Math.Min(source.Length, BlockBytes);
                byte* block = Take(out CudaEvent free);
                source[..count].CopyTo(new Span<byte>(block, count));
                context.Call(context.Driver.MemcpyHtoDAsync(destination, block, (nuint)count, context.Stream.Handle), "cuMemcpyHtoDAsync");
                free.Record();
                source = source[count..];
            }
    }

    public void Download(nint source, Span<byte> destination)
    {
        lock (busy)
        {
            for (long read = 0, asked = 0; read < destination.Length; read += BlockBytes)
            {
                for (; asked < destination.Length && asked < read + Blocks * BlockBytes; asked += BlockBytes)
                {
                    byte* block = Take(out CudaEvent ready);
                    nuint count = (nuint)Math.Min(destination.Length - asked, BlockBytes);
                    context.Call(context.Driver.MemcpyDtoHAsync(block, source + (nint)asked, count, context.Stream.Handle), "cuMemcpyDtoHAsync");
                    ready.Record();
                }
                long oldest = next - (asked - read) / BlockBytes;
                done![oldest % Blocks].Synchronize();
                int bytes = (int)Math.Min(destination.Length - read, BlockBytes);
                new Span<byte>(memory + oldest % Blocks * BlockBytes, bytes).CopyTo(destination[(int)read..]);
            }
        }
    }

    public void Dispose()
    {
        if (done is null)
            return;
        foreach (CudaEvent mark in done)
            mark.Dispose();
        _ = context.Driver.MemFreeHost(memory);
        done = null;
    }

    // The next block, once what used it last has run.
    private byte* Take(out CudaEvent mark)
    {
        if (done is null)
        {
            void* pinned;
            context.Call(context.Driver.MemAllocHost(&pinned, Blocks * BlockBytes), "cuMemAllocHost");
            memory = (byte*)pinned;
            done = [.. Enumerable.Range(0, Blocks).Select(_ => new CudaEvent(context, timed: false))];
        }
        long block = next++ % Blocks;
        mark = done[block];
        mark.Synchronize();
        return memory + block * BlockBytes;
    }
}
