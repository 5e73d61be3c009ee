using JepaEngine.Cuda.Compile;
using JepaEngine.Cuda.Loading;


namespace JepaEngine.KernelTests;

/// <summary>NVRTC for tests, which are skipped where there is none.</summary>
internal static class Compiler
{
    private static readonly Lazy<NvrtcLibrary> Nvrtc = new(() => new NvrtcLibrary(CudaLibraries.Nvrtc()));

    public static NvrtcLibrary Library
    {
        get
        {
            Assert.SkipUnless(Nvrtc.Value.IsComplete, $"no NVRTC here: {string.Join("; ", Nvrtc.Value.File.Lines())}");
            return Nvrtc.Value;
        }
    }
}
