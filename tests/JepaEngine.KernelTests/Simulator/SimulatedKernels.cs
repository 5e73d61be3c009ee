using System.Runtime.InteropServices;
using JepaEngine.Cuda.Compile;
using JepaEngine.Cuda.Context;

namespace JepaEngine.KernelTests.Simulator;

/// <summary>The simulator with the tests' own kernels (Kernels/), which take pointers and a count.</summary>
public sealed unsafe class SimulatedKernels : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private CudaContext? context;

    /// <summary>Opened at first use, so that what is missing skips a test instead of failing its class.</summary>
    internal CudaContext Context => context ??= Open();

    /// <summary>Where the tests' kernels lie.</summary>
    public static string File(string name) => System.IO.Path.Combine(AppContext.BaseDirectory, "Kernels", name);

    /// <summary>Launches a kernel with <c>{ const float* x; float* y; u32* counter; i32 n; }</c> and 1024 bytes of shared memory.</summary>
    internal void Launch(string file, string kernel, int blocks, int threads, nint x, nint y, nint counter = 0, int n = 0)
    {
        var args = new Arguments { X = x, Y = y, Counter = counter, N = n };
        Context.Launch(Context.Kernel(new KernelSource(file, "float"), kernel), blocks, 1, 1, threads, 1024, &args, sizeof(Arguments));
    }

    internal nint Upload<T>(T[] values) where T : unmanaged
    {
        nint pointer = Context.Allocate(values.Length * sizeof(T));
        Context.Upload(pointer, MemoryMarshal.AsBytes(values.AsSpan()));
        return pointer;
    }

    internal T[] Download<T>(nint pointer, int count) where T : unmanaged
    {
        var values = new T[count];
        Context.Download(pointer, MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }

    /// <summary>0: threads in order; 1: in an order drawn from the seed; 2: that, and copies land as late as they may.</summary>
    internal void Schedule(int mode, ulong seed = 0) => Context.Driver.SimSchedule(mode, seed);

    /// <summary>What was found since the last call, and forgets it.</summary>
    internal string Report()
    {
        byte* text = stackalloc byte[16 << 10];
        Context.Driver.SimReport(text, 16 << 10);
        return Marshal.PtrToStringUTF8((nint)text)!;
    }

    public void Dispose()
    {
        context?.Dispose();
        folder.Dispose();
    }

    private CudaContext Open()
    {
        Gpus.Require("sim");
        foreach (string name in KernelFiles.Embedded.Names().Where(name => name.Contains('/', StringComparison.Ordinal)))
            folder.Write(name, KernelFiles.Embedded.Read(name));
        foreach (string file in Directory.EnumerateFiles(File("")))
            folder.Write(System.IO.Path.GetFileName(file), System.IO.File.ReadAllText(file));
        return CudaContext.OpenSimulator(KernelFiles.In(folder.Path));
    }

    private struct Arguments
    {
        public nint X, Y, Counter;
        public int N;
    }
}
