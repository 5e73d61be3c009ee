using System.Runtime.InteropServices;
using JepaEngine.Cuda.Context;
using JepaEngine.Cuda.Driver;
using JepaEngine.Cuda.Loading;

namespace JepaEngine.KernelTests.Bindings;

public sealed class CudaProbeTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void WithoutADriverTheReportNamesEveryPathTried()
    {
        CudaProbe probe = CudaProbe.Run(folder.Path, folder.Path);
        Assert.Equal("no CUDA driver was found; install NVIDIA's driver", probe.Fault(0));
        Assert.Contains(CudaLibraries.NvrtcVariable, probe.NvrtcFault, StringComparison.Ordinal);
        Assert.Contains($"CUDA driver: {folder.Path}: holds no ", probe.ToString(), StringComparison.Ordinal);
        Assert.Contains($"NVRTC: {folder.Path}: holds no ", probe.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("cuInit", probe.ToString(), StringComparison.Ordinal); // nothing was there to lack it
    }

    [Fact]
    public void ALibraryThatIsNoDriverIsNamedWithWhatItLacks()
    {
        string other = Directory.GetFiles(RuntimeEnvironment.GetRuntimeDirectory(), OperatingSystem.IsWindows() ? "clrjit.dll" : "libclrjit.*")[0];
        CudaProbe probe = CudaProbe.Run(other, folder.Path);
        Assert.Contains($"{other} has no cuInit, ", probe.DriverFault, StringComparison.Ordinal);
        Assert.Contains("12.0 or newer", probe.DriverFault, StringComparison.Ordinal);
        Assert.Contains($"CUDA driver: {other}: loaded", probe.ToString(), StringComparison.Ordinal);
        Assert.Contains($"CUDA driver: {other} has no cuLaunchKernel", probe.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void AFileThatIsNoLibraryKeepsTheLoadersWords()
    {
        string text = folder.Write("libcuda.so.1", "no library");
        LibraryAttempt attempt = Assert.Single(CudaLibraries.Driver(text).Attempts);
        Assert.Equal(text, attempt.Path);
        Assert.NotEmpty(attempt.Fault!);
        Assert.NotEqual("not found", attempt.Fault);
    }

    [Fact]
    public void AFolderPatternFindsTheNewestVersion()
    {
        folder.Write("cuda-12.4/lib64/libx.so.12", "");
        folder.Write("cuda-13.0/lib64/libx.so.13", "");
        LibraryAttempt[] found = [.. CudaLibraries.Candidates(null, "JEPA_NONE", ["libx.so.13", "libx.so.12"], [$"{folder.Path}/cuda-*/lib64", "%JEPA_NONE%/lib", $"{folder.Path}/none"])];
        Assert.Equal(["libx.so.13", "libx.so.12", $"{folder.Path}/cuda-13.0/lib64/libx.so.13", $"{folder.Path}/cuda-12.4/lib64/libx.so.12", $"{folder.Path}/none"],
            found.Select(attempt => attempt.Path));
        Assert.Equal("no such folder", found[^1].Fault);
    }

    [Fact]
    public void OpeningADeviceThatIsNotThereThrowsTheReport()
    {
        CudaException fault = Assert.Throws<CudaException>(() => CudaContext.Open(4096));
        Assert.StartsWith("cuda:4096 cannot be opened: ", fault.Message, StringComparison.Ordinal);
        Assert.Contains("CUDA driver: ", fault.Message, StringComparison.Ordinal);
    }
}
