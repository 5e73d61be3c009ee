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
        (int code, string output, string error) = Run([("JEPA_SIMULATOR", "132")], "parity", "--device", "sim", "--op", "Full");
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
