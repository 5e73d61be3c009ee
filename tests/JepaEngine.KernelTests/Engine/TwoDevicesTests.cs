using JepaEngine.Memory;
using JepaEngine.Ops;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.KernelTests.Engine;

/// <summary>Two simulated GPUs in one process do not see each other; the tiers of one are one.</summary>
[Collection(Alone.Name)]
public sealed class TwoDevicesTests
{
    [Fact]
    public void ContextMemoryAndLaunchesAreApart()
    {
        Device shared = Gpus.Require("sim");
        using Device one = New(), other = New();
        Assert.NotEqual(one.Context, other.Context);
        Assert.NotEqual(shared.Context, one.Context);
        float[] expected = Work(other);
        long launches = other.Backend.Launches, moved = other.Backend.BytesMoved;
        MemoryReport memory = other.Allocator.Report();
        using var profile = new OperationProfile(one);
        Assert.Equal(expected, Work(one));
        Assert.Equal((launches, moved), (one.Backend.Launches, one.Backend.BytesMoved));
        Assert.Equal((launches, moved), (other.Backend.Launches, other.Backend.BytesMoved));
        Assert.Equal(memory, other.Allocator.Report());
        Assert.True(memory.Peak > 0 && memory.InUse == 0, $"{memory}");
        Assert.Equal(launches, profile.Read().Sum(row => row.Kernels.Sum(kernel => kernel.Launches)));
        // The other may be profiled meanwhile, and knows nothing of what the first did.
        using var second = new OperationProfile(other);
        Assert.Empty(second.Read());
    }

    [Fact]
    public void DisposingOneLeavesTheOtherWorking()
    {
        Gpus.Require("sim");
        using Device other = New();
        float[] expected = Work(other);
        Device one = New();
        Work(one);
        one.Dispose();
        Assert.Throws<ObjectDisposedException>(() => one.Backend);
        Assert.Equal(expected, Work(other));
    }

    [Fact]
    public void TiersShareContextAndMemory()
    {
        Gpus.Require("sim");
        using Device one = New();
        Assert.Same(one.InBFloat16, one.InBFloat16);
        Assert.Same(one.Context, one.InBFloat16.Context);
        Assert.Same(one.Allocator, one.InBFloat16.Allocator);
        using (new OperationProfile(one))
            Assert.Contains("sim:bf16 is being profiled already",
                Assert.Throws<InvalidOperationException>(() => new OperationProfile(one.InBFloat16)).Message);
        using var profile = new OperationProfile(one.InBFloat16);
        Work(one.InBFloat16);
        Assert.Contains(profile.Read(), row => row.Name == "Unary");
    }

    [Fact]
    public void AnAdoptedContextStaysItsOwners()
    {
        Gpus.Require("sim");
        using Device host = New();
        float[] expected = Work(host);
        Device adopted = Device.Adopt(host.Context);
        Assert.Equal(expected, Work(adopted));
        Assert.NotSame(host.Allocator, adopted.Allocator);
        adopted.Dispose();
        Assert.Equal(expected, Work(host));
    }

    private static Device New() => new(DeviceKind.Simulator, DType.F32);

    private static float[] Work(Device device)
    {
        using var scope = new TensorScope(device);
        Tensor x = scope.RandomNormal([5, 70], new PhiloxKey(1));
        return (x.Gelu() + x).ToArray<float>();
    }
}
