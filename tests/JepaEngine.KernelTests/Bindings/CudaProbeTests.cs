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
    public void WhatIsThereAndCannotBeLoadedIsNamedWithItsMend()
    {
        string text = folder.Write("libcuda.so.1", "no library");
        Assert.Equal($"{text} is there and cannot be loaded (file too short): it is no library, or damaged; install it again",
            CudaProbe.Run(text, folder.Path).DriverFault);
        // A header of 32 bits on a machine of 64.
        byte[] header = [0x7F, (byte)'E', (byte)'L', (byte)'F', 1, 1, 1, .. new byte[9], 3, 0, 3, 0, 1, .. new byte[200]];
        File.WriteAllBytes(text, header);
        Assert.Contains("for another kind of processor", CudaProbe.Run(text, folder.Path).DriverFault, StringComparison.Ordinal);
        if (Environment.IsPrivilegedProcess || OperatingSystem.IsWindows())
            return; // root may read everything
        File.SetUnixFileMode(text, UnixFileMode.None);
        Assert.Contains("let this user read it", CudaProbe.Run(text, folder.Path).DriverFault, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/x/libcuda.so.1: cannot open shared object file: Permission denied", "chmod a+rX")]
    [InlineData("/x/libcuda.so.1: wrong ELF class: ELFCLASS32", "another kind of processor")]
    [InlineData("/x/libcuda.so.1: invalid ELF header", "damaged")]
    [InlineData("/x/libcuda.so.1: failed to map segment from shared object", "noexec")]
    [InlineData("/x/libcuda.so.1: version `GLIBC_2.99' not found (required by /x/libcuda.so.1)", "newer system")]
    [InlineData("libother.so.2: cannot open shared object file: No such file or directory", "install libother.so.2")]
    [InlineData("/x/libcuda.so.1: something new", "install it again")]
    [InlineData("/x/libcuda.so.1: cannot open shared object file: No such file or directory", null)]
    [InlineData("nothing of the loader", null)]
    public void TheLoadersWordsMeanSomething(string words, string? mend)
    {
        LibraryAttempt attempt = NativeFile.Refused("/x/libcuda.so.1", $"Unable to load shared library:\n{words}\nadvice");
        Assert.NotNull(attempt.Fault);
        if (mend is null)
            Assert.Null(attempt.Mend);
        else
            Assert.Contains(mend, attempt.Mend, StringComparison.Ordinal);
    }

    /// <summary>The toolkit's stub, a driver updated under a running system, one that is too old, and one that is not
    /// there: four mends.</summary>
    [Fact]
    public void EveryAnswerOfTheDriverHasANextStep()
    {
        Assert.All(Enumerable.Range(1, 999), code => Assert.InRange(CudaAdvice.Of((CudaResult)code).Length, 20, 250));
        CudaResult[] apart = [CudaResult.StubLibrary, CudaResult.InsufficientDriver, CudaResult.DriverMismatch, CudaResult.NoDevice, CudaResult.SystemNotReady,
            CudaResult.CompatNotSupported, CudaResult.DeviceUnavailable, CudaResult.NotPermitted, CudaResult.OutOfMemory, CudaResult.UncorrectableMemory,
            CudaResult.IllegalAddress, CudaResult.InvalidImage, CudaResult.OperatingSystem, CudaResult.MpsConnectionFailed, CudaResult.CaptureInvalidated];
        Assert.Equal(apart.Length, apart.Select(CudaAdvice.Of).Distinct().Count());
        // What nothing special is known about is said to be reported; that is not most of what the engine tells apart.
        string rest = CudaAdvice.Of(CudaResult.Unknown);
        Assert.Equal([CudaResult.Unknown], Enum.GetValues<CudaResult>().Where(result => result != CudaResult.Success && CudaAdvice.Of(result) == rest));
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
