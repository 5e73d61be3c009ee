using JepaEngine.Memory;
using JepaEngine.Primitives;

namespace JepaEngine.Tests.Memory;

public class AllocatorTests
{
    [Fact]
    public void A_block_is_aligned_large_enough_and_at_most_an_eighth_too_large()
    {
        var random = new PhiloxRandom(1);
        for (int i = 0; i < 20_000; i++)
        {
            long bytes = (long)Math.Pow(2, random.NextUniform(0, 40)), capacity = Allocator.SizeClass(bytes);
            Assert.True(capacity % 64 == 0 && capacity >= bytes && capacity - bytes < Math.Max(64, bytes / 8.0 + 1), $"{bytes} bytes in a block of {capacity}");
            Assert.Equal(capacity, Allocator.SizeClass(capacity));
        }
        Assert.Equal(64, Allocator.SizeClass(0));
        var allocator = new Allocator(new HostMemory());
        Assert.Equal(0, allocator.Rent(1000).Pointer % 64);
    }

    /// <summary>Blocks of all kinds: of the C library, mapped, mapped with large pages.</summary>
    [Theory]
    [InlineData(100_000)]
    [InlineData(300_000)]
    [InlineData(5_000_001)]
    [InlineData(1 << 28)]
    public unsafe void Every_byte_of_a_block_may_be_written_and_the_block_given_back(long bytes)
    {
        var allocator = new Allocator(new HostMemory());
        Storage first = allocator.Rent(bytes), second = allocator.Rent(bytes);
        foreach (Storage block in (Storage[])[first, second])
        {
            Assert.Equal(0, block.Pointer % (bytes >= 2 << 20 && OperatingSystem.IsLinux() ? 2 << 20 : 64));
            for (byte* at = (byte*)block.Pointer; at < (byte*)block.Pointer + block.Capacity; at += 1000)
                *at = 1;
            ((byte*)block.Pointer)[block.Capacity - 1] = 1;
        }
        allocator.Return(first);
        allocator.Return(second);
        allocator.Trim();
        Assert.Equal(new MemoryReport(0, 2 * first.Capacity, 0, 0), allocator.Report());
    }

    [Fact]
    public unsafe void What_is_trimmed_the_system_has_again()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "elsewhere the C library may keep what it gets back");
        const int Blocks = 128, Bytes = 1 << 20;
        var allocator = new Allocator(new HostMemory());
        long before = Environment.WorkingSet;
        Storage[] blocks = [.. Enumerable.Range(0, Blocks).Select(_ => allocator.Rent(Bytes))];
        foreach (Storage block in blocks)
            new Span<byte>((void*)block.Pointer, Bytes).Fill(1);
        Assert.InRange(Environment.WorkingSet - before, Blocks / 2 * Bytes, long.MaxValue);
        foreach (Storage block in blocks)
            allocator.Return(block);
        allocator.Trim();
        Assert.InRange(Environment.WorkingSet - before, long.MinValue, Blocks / 2 * Bytes);
    }

    [Fact]
    public void A_returned_block_serves_the_next_of_its_class_and_knows_that_it_was_away()
    {
        var allocator = new Allocator(new HostMemory());
        Storage first = allocator.Rent(1000);
        int version = first.Version;
        allocator.Return(first);
        Assert.Equal(new MemoryReport(0, 1024, 1024, 0), allocator.Report());
        Assert.NotSame(first, allocator.Rent(2000));
        Assert.Same(first, allocator.Rent(1024));
        Assert.NotEqual(version, first.Version);
        Assert.Equal(new MemoryReport(3072, 3072, 0, 2), allocator.Report());
        allocator.Return(first);
        Assert.Equal(new MemoryReport(2048, 3072, 1024, 1), allocator.Report());
        allocator.Trim();
        Assert.Equal(0, allocator.Report().Cached);
        Assert.NotSame(first, allocator.Rent(1000));
    }

    [Fact]
    public void Many_threads_get_blocks_of_their_own()
    {
        var allocator = new Allocator(new HostMemory());
        Parallel.For(0, 8, thread =>
        {
            for (int i = 0; i < 2000; i++)
            {
                Storage block = allocator.Rent(64 + i % 5 * 64);
                unsafe
                {
                    *(int*)block.Pointer = thread;
                    Thread.SpinWait(20);
                    Assert.Equal(thread, *(int*)block.Pointer);
                }
                allocator.Return(block);
            }
        });
        Assert.Equal((0, 0), (allocator.Report().InUse, allocator.Report().Blocks));
    }

    [Fact]
    public void What_the_system_cannot_give_is_refused_with_the_sizes()
    {
        var allocator = new Allocator(new HostMemory());
        string message = Assert.Throws<MemoryRefusedException>(() => allocator.Rent(1L << 50)).Message;
        Assert.Contains("1073741824 MiB", message);
        Assert.Contains("use a smaller batch", message);
        Assert.Equal(0, allocator.Report().InUse);
    }
}
