using JepaEngine.Autograd;
using JepaEngine.Backends.Profiling;
using JepaEngine.Cuda.Driver;
using JepaEngine.Memory;
using JepaEngine.Nn;
using JepaEngine.Ops;
using JepaEngine.Optim;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Tests.Devices;

/// <summary>Two devices in one process, as two engines in one host have them, do not see each other.</summary>
public sealed class DeviceTests : IDisposable
{
    private readonly Device one = New(), other = New();

    public void Dispose()
    {
        one.Dispose();
        other.Dispose();
    }

    [Fact]
    public async Task AProfileSeesOneDeviceAndTheOthersBitsStay()
    {
        float[] alone = Train(other);
        using var profile = new OperationProfile(one);
        Task<float[]> beside = Task.Run(() => Train(other), TestContext.Current.CancellationToken);
        float[] profiled = Train(one);
        Assert.Equal(alone, await beside);
        Assert.Equal(alone, profiled);
        // One product forward and one for the weight's gradient a step; none of the other device's three steps.
        Assert.Equal(6, profile.Read().Where(row => row.Name == "MatMul").Sum(row => row.Calls));
        Assert.IsNotType<ProfiledBackend>(other.Backend);
        using var second = new OperationProfile(other);
        Train(other);
        Assert.Equal(6, profile.Read().Where(row => row.Name == "MatMul").Sum(row => row.Calls));
        Assert.Equal(6, second.Read().Where(row => row.Name == "MatMul").Sum(row => row.Calls));
    }

    [Fact]
    public void MemoryIsCountedApart()
    {
        MemoryReport untouched = other.Allocator.Report();
        using var scope = new TensorScope(one, "batch");
        scope.Zeros([16, 16]);
        Assert.Equal(new MemoryReport(1024, 1024, 0, 1), one.Allocator.Report());
        Assert.Equal(new MemoryReport(0, 0, 0, 0), untouched);
        Assert.Equal(untouched, other.Allocator.Report());
        Assert.Same(scope, Assert.Single(one.Allocator.Holders()));
        Assert.Empty(other.Allocator.Holders());
        Assert.DoesNotContain(scope, Device.Cpu.Allocator.Holders());
    }

    [Fact]
    public void DisposingOneLeavesTheOtherWorking()
    {
        float[] before = Train(other);
        Train(one);
        var open = new TensorScope(one, "late");
        Tensor late = open.Zeros([64]);
        Allocator allocator = one.Allocator;
        one.Dispose();
        Assert.Equal((256, 0), (allocator.Report().InUse, allocator.Report().Cached));
        Assert.Throws<ObjectDisposedException>(() => new TensorScope(one));
        Assert.Throws<ObjectDisposedException>(() => late.ToArray<float>());
        open.Dispose();
        Assert.Equal((0, 0), (allocator.Report().InUse, allocator.Report().Cached));
        Assert.Equal(before, Train(other));
    }

    [Fact]
    public void TensorsOfTwoDevicesDoNotMix()
    {
        using TensorScope here = new(one), there = new(other);
        Tensor a = here.Zeros([2]), b = there.Zeros([2]);
        Assert.Equal("Add: F32 [2] on cpu:2 and F32 [2] on cpu:2 are on different devices (two devices of one name); "
            + "copy one over with From(ToArray)", Assert.Throws<ArgumentException>(() => a + b).Message);
        Assert.Equal("Use: F32 [2] on cpu:2 is not on the scope's device cpu:2 (two devices of one name)",
            Assert.Throws<ArgumentException>(() => here.Use(b)).Message);
        Assert.StartsWith("CopyFrom: F32 [2] on cpu:2 does not fit F32 [2] on cpu:2 (two devices of one name)",
            Assert.Throws<ArgumentException>(() => a.CopyFrom(b)).Message);
        Assert.Equal([3f, 5], (a + here.From<float>([3, 5], [2])).ToArray<float>());
    }

    [Fact]
    public void AVariantSharesMemoryAndIsTheSameObjectEachTime()
    {
        Device single = one.With(threads: 1);
        Assert.Same(single, one.With(threads: 1));
        Assert.Same(one, single.With(threads: 2));
        Assert.NotSame(single, other.With(threads: 1));
        Assert.Same(one.Allocator, single.Allocator);
        Assert.NotSame(one.Backend, single.Backend);
        Assert.Equal(("cpu:2", "cpu:1"), (one.ToString(), single.ToString()));
        single.Dispose();
        Assert.Throws<ObjectDisposedException>(() => one.Allocator);
    }

    [Fact]
    public void ASharedDeviceCannotBeDisposed()
    {
        Device.Cpu.With(threads: 1).Dispose();
        Device.Cpu.Dispose();
        Assert.Equal(Train(one), Train(Device.Cpu));
        Assert.Same(Device.ReferenceF32, Device.Reference.With(DType.F32));
        Assert.Same(Device.ReferenceF32, one.Straightforward);
        Assert.Same(Device.Simulator, Device.Simulator.InBFloat16.With(DType.F32));
    }

    [Fact]
    public void WhatDoesNotOpenSaysWhyEachTime()
    {
        using Device none = Device.Cuda(99);
        Assert.NotSame(none, Device.Cuda(99));
        for (int i = 0; i < 2; i++)
            Assert.StartsWith("cuda:99 cannot be opened: ", Assert.Throws<CudaException>(() => none.Backend).Message);
        Assert.Contains("cpu:2 has no CUDA context", Assert.Throws<NotSupportedException>(() => one.Context).Message);
        Assert.Equal("there is no backend for cpu:2 computing in BF16",
            Assert.Throws<NotSupportedException>(() => one.InBFloat16.Backend).Message);
    }

    private static Device New() => new(DeviceKind.Cpu, DType.F32, threads: 2);

    /// <summary>Three steps, large enough for several parts in a kernel.</summary>
    private static float[] Train(Device device)
    {
        using var linear = new Linear(96, 128);
        linear.Allocate(device, 3);
        using var optimizer = new AdamW(linear) { LearningRate = 1e-2 };
        for (ulong step = 0; step < 3; step++)
        {
            using var tape = new Tape(device);
            Tensor x = tape.RandomNormal([400, 96], new PhiloxKey(step));
            tape.Backward(linear.Forward(x).Gelu().MeanSquaredError(tape.Zeros([400, 128])));
            optimizer.Step();
        }
        return [.. linear.Parameters().SelectMany(parameter => parameter.Parameter.Value.ToArray<float>())];
    }
}
