using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json;
using static JepaEngine.PackageTests.JepaProcess;

namespace JepaEngine.PackageTests;

/// <summary>Devices at the command line: parity, and what is said where there is none of a name.</summary>
public sealed class DeviceCommandTests
{
    [Fact]
    public void ParityShowsTheWorstTensorOfEachSample()
    {
        string output = Works("parity", "--op", "gelu");
        Assert.StartsWith("cpu ", output);
        Assert.Contains("tensors agree.", output);
        Assert.Contains("Gelu               no elements", output);
        JsonElement[] lines = [.. Works("parity", "--op", "gelu", "--json").Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement.Clone())];
        Assert.Contains($"{lines.Length} tensors agree", output);
        Assert.All(lines, line => Assert.True(line.GetProperty("error").GetDouble() <= line.GetProperty("allowed").GetDouble()));
    }

    [Fact]
    public void ParityRunsInTheSimulator()
    {
        (int code, string output, string error) = Run("parity", "--device", "sim:bf16", "--op", "GatedAdd");
        Assert.SkipWhen(code == 4 && error.Contains("to compile kernels"), error);
        Assert.True(code == 0, error);
        Assert.StartsWith("JepaEngine simulator", output);
        Assert.Contains("BF16", output);
    }

    [Fact]
    public void TheSimulatedDeviceIsAsLargeAsTheVariableSays()
    {
        (int code, string output, string error) =
            Run([("JEPA_SIMULATOR", "132")], "parity", "--device", "sim", "--op", "Full");
        Assert.SkipWhen(code == 4 && error.Contains("to compile kernels"), error);
        Assert.True(code == 0, error);
        Assert.Contains(" 132 multiprocessors", output);
        (code, _, error) = Run([("JEPA_SIMULATOR", "many")], "parity", "--device", "sim", "--op", "Full");
        Assert.Equal(4, code);
        Assert.StartsWith("jepa: the simulator cannot be opened: JEPA_SIMULATOR is 'many', ", error);
        Assert.Equal(1, error.Count(letter => letter == '\n'));
    }

    [Theory]
    [InlineData("--device is 'gpu'", "--device", "gpu")]
    [InlineData("--device is 'cpu:bf16'", "--device", "cpu:bf16")]
    [InlineData("no operation is called 'Gelo'", "--op", "Gelo")]
    [InlineData("--watch is for kernels", "--op", "Gelu", "--watch", "kernels")]
    public void AnArgumentThatCannotBeIsUsage(string says, params string[] arguments) => Assert.Contains(says, Fails(2, ["parity", .. arguments]));

    [Fact]
    public void AKernelCacheThatOthersCanWriteToIsSaidNotToBeUsed()
    {
        if (OperatingSystem.IsWindows())
            return;
        string cache = Directory.CreateTempSubdirectory("jepa-cache").FullName;
        File.SetUnixFileMode(cache, (UnixFileMode)0b111_111_111);
        (int code, _, string error) = Run([("JEPA_CACHE", cache)], "parity", "--device", "sim", "--op", "Gelo");
        Directory.Delete(cache, recursive: true);
        Assert.Equal(2, code);
        Assert.StartsWith(
            $"jepa: the kernel cache is not used: {cache} can be written by others (chmod go-w {cache})", error);
        Assert.Equal(2, error.Count(letter => letter == '\n'));
    }

    /// <summary>As on a bare machine: a home, and nothing in it.</summary>
    [Fact]
    public void ABareHomeGetsAKernelCache()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "HOME is Unix's");
        string home = Directory.CreateTempSubdirectory("jepa-home").FullName;
        try
        {
            (int code, string output, string error) =
                Run([("HOME", home), ("XDG_DATA_HOME", ""), ("JEPA_CACHE", "")], "doctor");
            Assert.True(code == 0, error);
            string cache = Path.Combine(home, ".local", "share", "JepaEngine", "kernels");
            Assert.Contains($"cache      {cache}\n", output);
            Assert.True(Directory.Exists(cache));
            string named = Path.Combine(home, "named");
            (_, output, _) = Run([("HOME", home), ("JEPA_CACHE", named)], "doctor");
            Assert.Contains($"cache      {Path.Combine(named, "JepaEngine", "kernels")}\n", output);
        }
        finally
        {
            Directory.Delete(home, recursive: true);
        }
    }

    /// <summary>
    /// A library that leaves a mark when it is opened: hundreds of megabytes are the doctor's to look at, and nobody
    /// else's.
    /// </summary>
    [Fact]
    public void OnlyTheDoctorOpensCublasLt()
    {
        string folder = Directory.CreateTempSubdirectory("jepa-cublas").FullName;
        string library = Path.Combine(folder, "libcublasLt.so.13"), mark = Path.Combine(folder, "opened");
        try
        {
            string source = Path.Combine(folder, "mark.c");
            File.WriteAllText(source, "#include <stdio.h>\n"
                + $"__attribute__((constructor)) static void opened(void) {{ fclose(fopen(\"{mark}\", \"w\")); }}\n");
            try
            {
                using Process compiler = Process.Start("g++", ["-x", "c", "-shared", "-fPIC", "-o", library, source]);
                compiler.WaitForExit();
                Assert.Equal(0, compiler.ExitCode);
            }
            catch (Win32Exception)
            {
                Assert.Skip("g++ makes the library, and there is none");
            }
            (string, string)[] variables = [("JEPA_CUBLASLT", library), ("JEPA_CUDA", "/no/such/libcuda.so")];
            Run(variables, "parity", "--op", "Gelu", "--device", "cuda:0");
            Run(variables, "parity", "--op", "Gelu", "--device", "sim");
            Assert.False(File.Exists(mark));
            Assert.Contains(library, Run(variables, "doctor").Output);
            Assert.True(File.Exists(mark));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>There is no such library, so there is no GPU, whatever the machine.</summary>
    [Theory]
    [InlineData("parity", "--op", "Gelu")]
    [InlineData("demo", "--steps", "1")]
    public void AGpuThatIsNotThereIsNotReplacedByTheProcessor(params string[] arguments)
    {
        (int code, _, string error) = Run([("JEPA_CUDA", "/no/such/libcuda.so")], [.. arguments, "--device", "cuda:0"]);
        Assert.True(code == 4, $"exit code {code}: {error}");
        Assert.StartsWith("jepa: cuda:0 cannot be opened: no CUDA driver was found", error);
        Assert.Equal(1, error.Count(letter => letter == '\n'));
        (_, string doctor, _) = Run([("JEPA_CUDA", "/no/such/libcuda.so")], "doctor");
        Assert.Contains("/no/such/libcuda.so", doctor);
    }
}
