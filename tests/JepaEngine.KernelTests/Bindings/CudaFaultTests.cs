using JepaEngine.Cuda.Context;
using JepaEngine.Cuda.Driver;


namespace JepaEngine.KernelTests.Bindings;

/// <summary>What a failing driver does to the process: an exception that says what to do, and nothing else.</summary>
[Collection(Alone.Name)]
public sealed class CudaFaultTests : IDisposable
{
    private readonly SimulatedContext simulated = new();
    private readonly long free;

    public CudaFaultTests()
    {
        simulated.Scale([1], 1); // staging memory and the kernel are there
        free = Context.MemoryInfo.Free;
    }

    private CudaContext Context => simulated.Context;

    public void Dispose()
    {
        simulated.Fail("", 0, CudaResult.Success);
        simulated.Dispose();
    }

    [Fact]
    public void OutOfMemorySaysHowMuchThereIs()
    {
        simulated.Fail("cuMemAllocAsync", 1, CudaResult.OutOfMemory);
        CudaException fault = Assert.Throws<CudaException>(() => Context.Allocate(1_000_000));
        Assert.Equal(CudaResult.OutOfMemory, fault.Result);
        Assert.Equal("cuMemAllocAsync", fault.Api);
        Assert.Contains("CUDA_ERROR_OUT_OF_MEMORY (", fault.Message, StringComparison.Ordinal);
        Assert.Contains(" for 1,000,000 bytes; ", fault.Message, StringComparison.Ordinal);
        Assert.Contains($"{free:N0} of {Context.Info.MemoryBytes:N0} bytes are free", fault.Message, StringComparison.Ordinal);
        Works();
    }

    [Fact]
    public void MoreThanTheDeviceHasIsOutOfMemoryToo()
    {
        CudaException fault = Assert.Throws<CudaException>(() => Context.Allocate(Context.Info.MemoryBytes + 1));
        Assert.Equal(CudaResult.OutOfMemory, fault.Result);
        Works();
    }

    [Fact]
    public void ARefusedLaunchNamesKernelAndGrid()
    {
        nint pointer = Context.Allocate(4);
        simulated.Fail("cuLaunchKernel", 1, CudaResult.LaunchOutOfResources);
        CudaException fault = Assert.Throws<CudaException>(() => simulated.LaunchScale(pointer, pointer, 1));
        Assert.Equal("scale (scale float)", fault.Kernel);
        Assert.Contains("in scale (scale float), a grid of 1 x 1 x 1 blocks of 32 threads and 0 bytes of shared memory", fault.Message, StringComparison.Ordinal);
        Assert.Contains($"{Context.Info.SharedBytesPerBlock} at most", fault.Message, StringComparison.Ordinal);
        Assert.False(Context.IsLost);
        simulated.Fail("", 0, CudaResult.Success); // the simulator keeps this one as if a kernel had failed
        Context.Free(pointer);
        Works();
    }

    [Fact]
    public void ALostDeviceRefusesAllFurtherWorkAndSaysWhy()
    {
        nint pointer = Context.Allocate(4);
        simulated.Fail("cuStreamSynchronize", 1, CudaResult.LaunchFailed);
        CudaException first = Assert.Throws<CudaException>(Context.Synchronize);
        Assert.True(Context.IsLost);
        Assert.Contains("is lost since cuStreamSynchronize failed with CUDA_ERROR_LAUNCH_FAILED", first.Message, StringComparison.Ordinal);
        Assert.Contains("the youngest kernel is scale (scale float)", first.Message, StringComparison.Ordinal);
        Assert.Equal(first.Message, Assert.Throws<CudaException>(() => Context.Allocate(1)).Message);
        Assert.Equal(first.Message, Assert.Throws<CudaException>(() => simulated.LaunchScale(0, 0, 0)).Message);
        Context.Free(pointer); // its memory is gone; nothing to throw about
        Context.Dispose();

        simulated.Fail("", 0, CudaResult.Success); // a new context on a device that was reset
        using var next = new SimulatedContext();
        Assert.Equal([4f], next.Scale([2], 2));
    }

    [Theory]
    [InlineData(CudaResult.StubLibrary, "for linking only")]
    [InlineData(CudaResult.DriverMismatch, "restart it")]
    [InlineData(CudaResult.InsufficientDriver, "update NVIDIA's driver")]
    [InlineData(CudaResult.NotPermitted, "ask who runs the machine")]
    [InlineData((CudaResult)997, "jepa doctor --verbose")]
    public void EachFaultHasItsNextStepBesideItsName(CudaResult result, string mend)
    {
        simulated.Fail("cuMemAllocAsync", 1, result);
        string message = Assert.Throws<CudaException>(() => Context.Allocate(16)).Message;
        Assert.Contains(mend, message, StringComparison.Ordinal);
        simulated.Fail("cuStreamCreate", 1, result);
        Assert.Contains(mend, Assert.Throws<CudaException>(() => CudaContext.OpenSimulator()).Message, StringComparison.Ordinal);
        Works();
    }

    [Fact]
    public void AFailureInsideACaptureLeavesNothingBehind()
    {
        nint pointer = Context.Allocate(8);
        simulated.Fail("cuGraphInstantiateWithFlags", 1, CudaResult.OutOfMemory);
        Assert.Throws<CudaException>(() => Context.Capture(() => simulated.LaunchScale(pointer, pointer, 1)));
        Context.Free(pointer);
        Works();
    }

    [Fact]
    public void AContextThatCannotBeMadeHoldsNothing()
    {
        simulated.Fail("cuStreamCreate", 1, CudaResult.OutOfMemory);
        Assert.Equal("cuStreamCreate", Assert.Throws<CudaException>(() => CudaContext.OpenSimulator()).Api);
        Works();
    }

    [Fact]
    public void ContextsThatComeAndGoLeaveNoMemory()
    {
        for (int i = 0; i < 3; i++)
        {
            using var other = new SimulatedContext();
            other.Scale([1, 2, 3], 2);
        }
        Works();
    }

    // The process lives on, the device computes, and memory is back where it was.
    private void Works()
    {
        Assert.Equal([6f], simulated.Scale([2], 3));
        Assert.InRange(Context.MemoryInfo.Free, free, long.MaxValue); // a failed test beside may hold blocks that go
    }
}
