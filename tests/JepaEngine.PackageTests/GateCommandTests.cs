using static JepaEngine.PackageTests.JepaProcess;

namespace JepaEngine.PackageTests;

/// <summary><c>jepa gate</c> as a user meets it, on counters of a folder of its own.</summary>
public sealed class GateCommandTests : IDisposable
{
    private static readonly (string, string)[] NoCompiler = [("CXX", "/nonexistent/c++")];

    private readonly string root = Directory.CreateTempSubdirectory("jepa-gate").FullName;

    private readonly string counters;

    public GateCommandTests()
    {
        counters = Path.Combine(root, "benchmarks", "counters.txt");
        Directory.CreateDirectory(Path.GetDirectoryName(counters)!);
        Directory.CreateDirectory(Path.Combine(root, "kernels"));
        File.WriteAllText(Path.Combine(root, "kernels", "resources.txt"), "add elementwise bf16 0 sm_80 20 0 0 4\n");
    }

    public void Dispose() => Directory.Delete(root, recursive: true);

    [Fact]
    public void GrowthFailsUntilItIsAccepted()
    {
        Works("gate", "--root", root, "--bundle", Path.Combine(root, "kernels"), "--accept");
        string[] accepted = File.ReadAllLines(counters);
        Assert.Contains("bundle.bytes 38", accepted);
        Assert.Contains("cubin.registers 20", accepted);
        Assert.Single(accepted, line => line.StartsWith("package.JepaEngine.kibibytes ", StringComparison.Ordinal));

        // One grew, one shrank, one is counted no longer. The others are counted as before, to the byte, by another process.
        File.WriteAllLines(counters, [.. accepted.Select(line => line
            .Replace("cubin.registers 20", "cubin.registers 19", StringComparison.Ordinal).Replace("cubin.spilled-bytes 4", "cubin.spilled-bytes 5", StringComparison.Ordinal)), "cpu.old 1"]);
        (int code, string text, _) = Run(NoCompiler, "gate", "--root", root);
        Assert.Equal(1, code);
        Assert.EndsWith("writes it):\n    without cpu.old\n    cubin.registers 20\n    cubin.spilled-bytes 4\n", text);
        Assert.Contains("\nsim.* was not counted: ", text);
        Assert.Contains("\nbundle.* was not counted: no folder is given", text);

        // What could not be counted stays accepted.
        (code, text, _) = Run(NoCompiler, "gate", "--root", root, "--accept");
        Assert.Equal(0, code);
        Assert.Equal(accepted, File.ReadAllLines(counters));
    }

    [Fact]
    public void LessPasses()
    {
        Run(NoCompiler, "gate", "--root", root, "--accept");
        File.WriteAllText(counters, File.ReadAllText(counters).Replace("cubin.registers 20", "cubin.registers 21", StringComparison.Ordinal));
        (int code, string text, _) = Run(NoCompiler, "gate", "--root", root, "--json");
        Assert.Equal(0, code);
        Assert.Contains("{\"counter\":\"cubin.registers\",\"accepted\":21,\"counted\":20,\"verdict\":\"shrunk\"}", text);
    }

    [Fact]
    public void ADamagedFileIsOneLine()
    {
        File.WriteAllText(counters, "cubin.registers many\n");
        Assert.Contains("line 1 is no counter's name and number", Fails(3, "gate", "--root", root));
        Assert.Contains("resources.txt", Fails(3, "gate", "--root", Path.Combine(root, "benchmarks")));
    }
}
