using JepaEngine.Cuda.Compile;
using JepaEngine.Cuda.Driver;


namespace JepaEngine.KernelTests.Bindings;

public sealed class NvrtcCompilerTests : IDisposable
{
    private const string Doubling = """
        #include "ptx.cuh"
        struct DoubleArgs { const float* x; float* dst; int count; };
        DEVICE void doubling(const DoubleArgs& a) { int i = blockIdx.x * 128 + threadIdx.x; if (i < a.count) a.dst[i] = 2 * a.x[i]; }
        KERNEL(doubling_kernel, 128, DoubleArgs, doubling)
        """;

    private readonly TemporaryFolder folder = new();

    public NvrtcCompilerTests() => folder.Write("include/ptx.cuh", KernelFiles.Embedded.Read("include/ptx.cuh") + "\n");

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("sm_80")]
    [InlineData("sm_90a")]
    public void AKernelBecomesACubinOfTheArchitecture(string architecture)
    {
        CompiledKernel made = Compile(Doubling, architecture);
        Assert.Equal([0x7F, (byte)'E', (byte)'L', (byte)'F'], made.Image[..4]);
        KernelResources resources = Assert.Single(KernelResources.Parse(made.Log));
        Assert.Equal("doubling_kernel", resources.Entry);
        Assert.InRange(resources.Registers, 4, 32);
        Assert.Equal((0, 0, 0), (resources.SharedBytes, resources.StackBytes, resources.SpillBytes));
    }

    [Fact]
    public void ACubinHoldsTheLinesOfItsSource()
    {
        byte[] image = Compile(Doubling, "sm_80").Image;
        Assert.NotEqual(-1, image.AsSpan().IndexOf(".debug_line"u8)); // the section's name
        Assert.NotEqual(-1, image.AsSpan().IndexOf("double.cu"u8));
    }

    [Fact]
    public void ALogOfSeveralKernelsIsReadKernelByKernel()
    {
        const string Log = """
            ptxas info    : 0 bytes gmem
            ptxas info    : Compiling entry function 'second' for 'sm_80'
            ptxas info    : Function properties for second
                16 bytes stack frame, 12 bytes spill stores, 8 bytes spill loads
            ptxas info    : Used 255 registers, used 1 barriers, 1024 bytes smem, 392 bytes cmem[0]
            ptxas info    : Compiling entry function 'first' for 'sm_80'
            ptxas info    : Function properties for first
                0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
            ptxas info    : Used 24 registers, 392 bytes cmem[0]
            """;
        Assert.Equal([new("second", 255, 1024, 16, 20), new("first", 24, 0, 0, 0)], KernelResources.Parse(Log));
    }

    [Fact]
    public void AnErrorNamesTheFileTheLineAndTheCompilation()
    {
        CudaException fault = Assert.Throws<CudaException>(() => Compile(Doubling.Replace("2 * a.x[i]", "2 * a.y[i]", StringComparison.Ordinal), "sm_80"));
        Assert.Contains("kernels/double.cu (double float, sm_80", fault.Message, StringComparison.Ordinal);
        Assert.Contains("double.cu(3): error", fault.Message, StringComparison.Ordinal);
        Assert.Equal("nvrtcCompileProgram", fault.Api);
    }

    [Fact]
    public void AnArchitectureTheCompilerDoesNotKnowIsAnError() =>
        Assert.Contains("--gpu-architecture=sm_1", Assert.Throws<CudaException>(() => Compile(Doubling, "sm_1")).Message, StringComparison.Ordinal);

    private CompiledKernel Compile(string text, string architecture)
    {
        folder.Write("double.cu", text);
        folder.Write("include/numeric.cuh", KernelFiles.Embedded.Read("include/numeric.cuh"));
        return new NvrtcCompiler(Compiler.Library, architecture).Compile(new("double", "float"), KernelFiles.In(folder.Path));
    }
}
