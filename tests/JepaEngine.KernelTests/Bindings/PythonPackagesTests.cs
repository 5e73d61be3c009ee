using JepaEngine.Cuda.Loading;


namespace JepaEngine.KernelTests.Bindings;

/// <summary>CUDA's libraries in Python's packages, whichever way Python is reached.</summary>
public sealed class PythonPackagesTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public PythonPackagesTests() => Assert.SkipWhen(OperatingSystem.IsWindows(), "these are Unix's layouts");

    public void Dispose() => folder.Dispose();

    /// <summary>
    /// CUDA 12's wheels keep each library in a folder of its own, CUDA 13's all in one; Debian names the folder of
    /// packages otherwise.
    /// </summary>
    [Theory]
    [InlineData("lib/python3.12/site-packages/nvidia/cuda_nvrtc/lib", "libnvrtc.so.12")]
    [InlineData("lib/python3.12/site-packages/nvidia/cu13/lib", "libnvrtc.so.13")]
    [InlineData("lib/python3/dist-packages/nvidia/cu13/lib", "libnvrtc.so.13")]
    [InlineData("lib64/python3.11/site-packages/nvidia/cublas/lib", "libcublasLt.so.12")]
    public void AnEnvironmentIsFoundByItsProgram(string packages, string library)
    {
        folder.Write("venv/bin/python3", "");
        string expected = folder.Write($"venv/{packages}/{library}", "");
        Assert.Contains(expected, Found($"/nowhere:{folder.Path}/venv/bin", library));
    }

    /// <summary>The way of a container: a name on the path, the environment's program, the system's.</summary>
    [Fact]
    public void EachLinkOnTheWayToPythonMayHavePackages()
    {
        folder.Write("system/bin/python3.12", "");
        string ofSystem = folder.Write("system/lib/python3.12/site-packages/nvidia/cu13/lib/libnvrtc.so.13", "");
        string ofEnvironment = folder.Write("opt/venv/lib/python3.12/site-packages/nvidia/cu13/lib/libnvrtc.so.13", "");
        Directory.CreateDirectory(Path.Combine(folder.Path, "opt/venv/bin"));
        Directory.CreateDirectory(Path.Combine(folder.Path, "local/bin"));
        File.CreateSymbolicLink(
            Path.Combine(folder.Path, "opt/venv/bin/python3"), Path.Combine(folder.Path, "system/bin/python3.12"));
        File.CreateSymbolicLink(Path.Combine(folder.Path, "local/bin/python3"), "../../opt/venv/bin/python3");
        Assert.Equal([ofEnvironment, ofSystem], Found($"{folder.Path}/local/bin", "libnvrtc.so.13"));
    }

    [Fact]
    public void ALinkToItselfAndAPathThatIsNoneEnd()
    {
        Directory.CreateDirectory(Path.Combine(folder.Path, "bin"));
        File.CreateSymbolicLink(Path.Combine(folder.Path, "bin/python3"), "python3");
        Assert.Empty(Found($"{folder.Path}/bin::relative/bin:{folder.Path}/none", "libnvrtc.so.13"));
    }

    private static string[] Found(string path, string library) =>
    [
        .. CudaLibraries.Candidates(null, "JEPA_NONE", [library], [.. PythonPackages.OnPath(path)])
            .Where(attempt => attempt.Fault is null && attempt.Path.Contains('/', StringComparison.Ordinal))
            .Select(attempt => attempt.Path),
    ];
}
