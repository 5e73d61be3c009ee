using System.Runtime.InteropServices;
using JepaEngine.Cuda.Compile;
using JepaEngine.Cuda.Context;
using JepaEngine.Cuda.Driver;

namespace JepaEngine.KernelTests.Bindings;

/// <summary>The simulator with one kernel of its own, dst = factor x, in a folder that tests edit.</summary>
internal sealed class SimulatedContext : IDisposable
{
    public static readonly KernelSource Source = new("scale", "float");

    private readonly TemporaryFolder folder = new();

    public SimulatedContext()
    {
        foreach (string name in KernelFiles.Embedded.Names().Where(name => name.Contains('/', StringComparison.Ordinal)))
            folder.Write(name, KernelFiles.Embedded.Read(name));
        Edit("factor");
        Gpus.Require("sim");
        Context = CudaContext.OpenSimulator(KernelFiles.In(folder.Path));
    }

    public CudaContext Context { get; }

    public string Folder => folder.Path;

    /// <summary>Writes the kernel, with another expression for its factor.</summary>
    public void Edit(string factor) => folder.Write("scale.cu", $$"""
        #include "ptx.cuh"
        struct ScaleArgs { const float* x; float* dst; i64 count; float factor; };
        DEVICE void scale_kernel(const ScaleArgs& a) {
          float factor = a.factor;
          if (threadIdx.x < a.count) a.dst[threadIdx.x] = {{factor}} * a.x[threadIdx.x];
        }
        KERNEL(scale, 32, ScaleArgs, scale_kernel)
        """);

    public unsafe void LaunchScale(nint x, nint dst, long count, float factor = 2, int bytes = 32, int shared = 0, LaunchOptions options = default)
    {
        var args = new ScaleArgs { X = x, Dst = dst, Count = count, Factor = factor };
        Context.Launch(Context.Kernel(Source, "scale"), 1, 1, 1, 32, shared, &args, bytes, options);
    }

    public float[] Scale(float[] x, float factor, LaunchOptions options = default)
    {
        nint pointer = Context.Allocate(x.Length * sizeof(float));
        try
        {
            Context.Upload(pointer, MemoryMarshal.AsBytes(x.AsSpan()));
            LaunchScale(pointer, pointer, x.Length, factor, options: options);
            float[] result = new float[x.Length];
            Context.Download(pointer, MemoryMarshal.AsBytes(result.AsSpan()));
            return result;
        }
        finally
        {
            Context.Free(pointer);
        }
    }

    /// <summary>Lets the nth call of a driver's function from now on fail, once.</summary>
    public unsafe void Fail(string api, int nth, CudaResult result)
    {
        fixed (byte* name = System.Text.Encoding.UTF8.GetBytes(api + '\0'))
            Context.Driver.SimFail(name, nth, result);
    }

    public void Dispose()
    {
        Context.Dispose();
        folder.Dispose();
    }

    private struct ScaleArgs
    {
        public nint X, Dst;
        public long Count;
        public float Factor;
    }
}
