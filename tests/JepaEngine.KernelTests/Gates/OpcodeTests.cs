using System.Diagnostics;
using JepaEngine.Cuda.Compile;

namespace JepaEngine.KernelTests.Gates;

/// <summary>The instructions that speed rests on are in the machine code: tensor cores, matrix loads, copies beside the threads. Skipped where there is no nvdisasm.</summary>
public sealed class OpcodeTests
{
    private const string Variable = "JEPA_NVDISASM";

    private static readonly string Program = Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named ? named : "nvdisasm";

    public static TheoryData<string, int> Products => new()
    {
        { "gemm", 0 },
        { "attention", 64 },
        { "attention_grad", 64 },
    };

    [Theory]
    [MemberData(nameof(Products))]
    public void MatrixProductsInBf16RunOnTensorCores(string file, int width)
    {
        KernelSource source = new(file, "bf16", width);
        Assert.Contains(source, KernelCatalog.Sources(KernelFiles.Embedded));
        string code = Disassemble(KernelBuilds.All.Single(build =>
            build.Source == source && build.Architecture == "sm_80"));
        Assert.Contains("HMMA.16816.F32.BF16", code, StringComparison.Ordinal);
        Assert.Contains("LDSM.16.M", code, StringComparison.Ordinal);
        Assert.Contains("LDGSTS.E", code, StringComparison.Ordinal);
        Assert.DoesNotContain("STL", code, StringComparison.Ordinal);
    }

    [Fact]
    public void TheF32TierMultipliesInF32()
    {
        string code = Disassemble(KernelBuilds.All.Single(build =>
            build.Source == new KernelSource("gemm", "float") && build.Architecture == "sm_80"));
        Assert.Contains("FFMA", code, StringComparison.Ordinal);
        Assert.DoesNotContain("HMMA", code, StringComparison.Ordinal); // neither bf16 nor TF32
    }

    private static string Disassemble(KernelBuild build)
    {
        using var folder = new TemporaryFolder();
        string cubin = Path.Combine(folder.Path, "kernel.cubin");
        File.WriteAllBytes(cubin, build.Made!.Image);
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(Program, ["-c", cubin]) { UseShellExecute = false, RedirectStandardOutput = true })!;
            string code = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            Assert.Equal(0, process.ExitCode);
            return code;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip($"no {Program} here; name one in {Variable}");
            throw;
        }
    }
}
