using System.Runtime.InteropServices;
using JepaEngine.Cuda.Context;
using JepaEngine.Cuda.Driver;

namespace JepaEngine.KernelTests.Bindings;

/// <summary>The bindings through the simulator, which exports the driver's own functions: every argument order and every struct takes part.</summary>
[Collection(Alone.Name)]
public sealed class CudaContextTests : IDisposable
{
    private readonly SimulatedContext simulated = new();

    private CudaContext Context => simulated.Context;

    public void Dispose() => simulated.Dispose();

    [Fact]
    public void TheDeviceSaysWhatItIs()
    {
        Assert.True(Context.Info.IsSimulated);
        Assert.Equal(12040, Context.Info.DriverVersion);
        Assert.InRange(Context.Info.Multiprocessors, 1, 1000);
        Assert.InRange(Context.Info.SharedBytesPerBlock, 99 << 10, 228 << 10);
        Assert.StartsWith("sm_", Context.Info.Architecture, StringComparison.Ordinal);
        Assert.NotEqual(0, Context.Handle);
        Assert.NotEqual(0, Context.Stream.Handle);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(1 << 20)]
    [InlineData((4 << 20) + 1)]
    [InlineData((9 << 20) - 3)]
    public void WhatIsUploadedIsDownloaded(int bytes)
    {
        byte[] source = new byte[bytes], back = new byte[bytes];
        new Random(bytes).NextBytes(source);
        byte[] kept = [.. source];
        nint pointer = Context.Allocate(bytes);
        Context.Upload(pointer, source);
        source.AsSpan().Clear(); // it may be reused on return
        Context.Download(pointer, back);
        Context.Free(pointer);
        Assert.Equal(kept, back);
    }

    [Fact]
    public void CopiesAndFillsTouchTheirBytesOnly()
    {
        byte[] back = new byte[16];
        nint a = Context.Allocate(16), b = Context.Allocate(16);
        Context.Fill(a, 1, 16);
        Context.Fill(b, 2, 16);
        Context.Copy(b + 4, a, 3);
        Context.Download(b, back);
        Context.Free(a);
        Context.Free(b);
        Assert.Equal([2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2], back);
    }

    [Fact]
    public void AKernelIsCompiledOnceAndLaunched()
    {
        long before = Context.Launches;
        Assert.Equal([2f, 4, 6], simulated.Scale([1, 2, 3], 2));
        Assert.Equal([3f, 6, 9], simulated.Scale([1, 2, 3], 3));
        Assert.Equal(before + 2, Context.Launches);
        Assert.Same(Context.Kernel(SimulatedContext.Source, "scale"), Context.Kernel(SimulatedContext.Source, "scale"));
        Assert.Single(Context.LoadedSources);
    }

    [Fact]
    public void ALaunchWithAttributesRunsAsWell() => Assert.Equal([5f, 10], simulated.Scale([1, 2], 5, new LaunchOptions(Cluster: 2, Overlaps: true)));

    [Fact]
    public void AnotherStructThanTheKernelsIsRefused()
    {
        CudaException fault = Assert.Throws<CudaException>(() => simulated.LaunchScale(0, 0, 1, bytes: 24));
        Assert.Contains("scale (scale float) takes a struct of 32 bytes, not 24", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AKernelThatIsNotThereIsNamed()
    {
        CudaException fault = Assert.Throws<CudaException>(() => Context.Kernel(SimulatedContext.Source, "none"));
        Assert.Equal(CudaResult.NotFound, fault.Result);
        Assert.Contains("cuModuleGetFunction failed with CUDA_ERROR_NOT_FOUND", fault.Message, StringComparison.Ordinal);
        Assert.Contains("none (scale float)", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public unsafe void MoreSharedMemoryThanTheUsual48KibIsAskedFor()
    {
        nint pointer = Context.Allocate(4);
        Context.Upload(pointer, MemoryMarshal.AsBytes<float>([3f]));
        simulated.LaunchScale(pointer, pointer, 1, shared: 96 << 10);
        float result;
        Context.Download(pointer, new Span<byte>(&result, 4));
        Context.Free(pointer);
        Assert.Equal(6f, result);
    }

    [Fact]
    public void AGraphReplaysWhatWasRecorded()
    {
        nint pointer = Context.Allocate(8);
        Context.Upload(pointer, MemoryMarshal.AsBytes<float>([1f, 3f]));
        simulated.LaunchScale(pointer, pointer, 2); // warm: compiled before the capture
        long before = Context.Launches;
        using CudaGraph graph = Context.Capture(() =>
        {
            simulated.LaunchScale(pointer, pointer, 2);
            simulated.LaunchScale(pointer, pointer, 2);
            Context.Copy(pointer, pointer + 4, 4);
        });
        Assert.Equal((3, 2L), (graph.Nodes, graph.Kernels));
        Assert.Equal([2f, 6f], Floats(pointer)); // nothing ran yet
        graph.Launch();
        Assert.Equal([24f, 24f], Floats(pointer));
        graph.Launch();
        Assert.Equal([96f, 96f], Floats(pointer));
        Assert.Equal(before + 2, Context.Launches);
        Context.Free(pointer);
    }

    [Fact]
    public void WhatACaptureCannotHoldIsRefusedWithTheMend()
    {
        nint pointer = Context.Allocate(8);
        Action[] refused = [() => Context.Allocate(8), () => Context.Download(pointer, new byte[8]), Context.Synchronize];
        foreach (Action action in refused)
        {
            CudaException fault = Assert.Throws<CudaException>(() => Context.Capture(action));
            Assert.Equal(CudaResult.CaptureUnsupported, fault.Result);
            Assert.Contains("run the same work once before", fault.Message, StringComparison.Ordinal);
            Context.Synchronize(); // the stream runs again
        }
        Context.Free(pointer);
    }

    [Fact]
    public void AGraphKeepsTheBytesOfItsUploads()
    {
        nint pointer = Context.Allocate(8);
        float[] source = [7, 8];
        using (CudaGraph graph = Context.Capture(() => Context.Upload(pointer, MemoryMarshal.AsBytes(source.AsSpan())), uploadBytes: 8))
        {
            source.AsSpan().Clear();
            Context.Upload(pointer, new byte[8]);
            graph.Launch();
            Assert.Equal([7f, 8f], Floats(pointer));
        }
        CudaException fault = Assert.Throws<CudaException>(() => Context.Capture(() => Context.Upload(pointer, new byte[8]), uploadBytes: 7));
        Assert.Contains("8 bytes, 7 are left", fault.Message, StringComparison.Ordinal);
        Context.Free(pointer);
    }

    [Fact]
    public void AnActionThatFailsLeavesTheStreamUsable()
    {
        Assert.Throws<InvalidOperationException>(() => Context.Capture(() => throw new InvalidOperationException()));
        Assert.Equal([2f], simulated.Scale([1], 2));
    }

    [Fact]
    public void EventsMeasureTime()
    {
        using CudaEvent start = new(Context), end = new(Context);
        start.Record();
        simulated.Scale([1, 2, 3], 2);
        end.Record();
        end.Synchronize();
        Context.Stream.Wait(end);
        Assert.True(end.IsReached);
        Assert.InRange(end.MillisecondsSince(start), double.Epsilon, 60_000);
    }

    [Fact]
    public void EveryThreadMayUseTheContext()
    {
        float[][] results = new float[8][];
        Thread[] threads = [.. results.Select((_, i) => new Thread(() => results[i] = simulated.Scale([i, i + 1], 2)))];
        foreach (Thread thread in threads)
            thread.Start();
        foreach (Thread thread in threads)
            thread.Join();
        for (int i = 0; i < results.Length; i++)
            Assert.Equal([2f * i, 2f * i + 2], results[i]);
    }

    [Fact]
    public void ADisposedContextSaysSo()
    {
        Context.Dispose();
        Assert.Throws<ObjectDisposedException>(() => Context.Allocate(1));
        Context.Free(1); // what outlives it is gone with it
    }

    private float[] Floats(nint pointer)
    {
        float[] values = new float[2];
        Context.Download(pointer, MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }
}
