using System.Runtime.InteropServices;
using JepaEngine.Cuda.Driver;

namespace JepaEngine.KernelTests.Simulator;

/// <summary>What the simulator knows of an address: whose it is, and whether anything was written there.</summary>
[Collection(Alone.Name)]
public sealed unsafe class MemoryTests(SimulatedKernels simulator) : IClassFixture<SimulatedKernels>, IDisposable
{
    private nint y;

    [Fact]
    public void Memory_of_the_host_is_no_memory_of_the_device()
    {
        float* host = stackalloc float[1];
        Assert.Contains("which is no device memory", Fault((nint)host), StringComparison.Ordinal);
        Assert.Contains("reads 4 bytes at address 0x0, which is no device memory", Fault(0), StringComparison.Ordinal);
    }

    [Fact]
    public void Freed_memory_is_found()
    {
        nint x = simulator.Upload([1f]);
        simulator.Context.Free(x);
        Assert.Contains("reads 4 bytes at memory that has been freed or never was allocated", Fault(x), StringComparison.Ordinal);
    }

    [Fact]
    public void An_allocation_ends_at_its_last_byte()
    {
        nint x = simulator.Upload(new byte[5]);
        Launch("read_byte", x, 4);
        Assert.Contains("reads 1 byte at byte 5 of an allocation of 5", Fault(x, "read_byte", 5), StringComparison.Ordinal);
        simulator.Context.Free(x);
    }

    [Fact]
    public void Fresh_memory_is_unwritten_until_something_writes_it()
    {
        nint x = simulator.Context.Allocate(8), filled = simulator.Context.Allocate(8);
        Assert.Contains("reads byte 0 of an allocation of 8, which nothing has written", Fault(x), StringComparison.Ordinal);
        simulator.Context.Fill(filled, 0, 4);
        simulator.Context.Copy(x, filled, 8);
        Launch("read_byte", x, 3);
        Assert.Contains("reads byte 4 of an allocation of 8, which nothing has written", Fault(x, "read_byte", 4), StringComparison.Ordinal);
        simulator.Context.Free(x);
        simulator.Context.Free(filled);
    }

    [Fact]
    public void A_cached_block_is_as_long_as_its_use_and_holds_nothing_of_the_last()
    {
        nint block = simulator.Upload(new byte[64]);
        simulator.Context.Lend(block, 10, 64);
        Assert.Contains("reads byte 9 of a block of 10, which nothing has written", Fault(block, "read_byte", 9), StringComparison.Ordinal);
        Assert.Contains("reads 1 byte at byte 10 of a block of 10", Fault(block, "read_byte", 10), StringComparison.Ordinal);
        simulator.Context.Lend(block, 0, 64);
        Assert.Contains("reads 1 byte at a block that has been given back", Fault(block, "read_byte"), StringComparison.Ordinal);
        simulator.Context.Lend(block, 64, 64);
        simulator.Context.Fill(block, 0, 64);
        Launch("read_byte", block, 63);
        simulator.Context.Free(block);
    }

    public void Dispose() => simulator.Context.Free(y);

    private string Fault(nint x, string kernel = "read_first", int n = 0) => Assert.Throws<CudaException>(() => Launch(kernel, x, n)).Message;

    private void Launch(string kernel, nint x, int n)
    {
        if (y == 0)
            y = simulator.Upload(new float[32]);
        simulator.Launch("instructions", kernel, 1, 32, x, y, 0, n);
    }
}
