using System.Diagnostics;
using System.Formats.Tar;
using System.IO.Compression;
using JepaEngine.Jepa.Benchmarking;

namespace JepaEngine.PackageTests;

/// <summary>
/// The bundle's two commands on the simulator, with kernels of which one never ends, one writes where it must not and
/// one does not compile: each costs its own rows and no other.
/// </summary>
public sealed class BundleRehearsalTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("jepa-rehearsal").FullName;

    public BundleRehearsalTests()
    {
        (int code, _, string error) = JepaProcess.Run("parity", "--device", "sim", "--op", "Relu");
        Assert.SkipWhen(code == 4 && error.Contains("to compile kernels"), error);
        Repository.CopyKernels(Path.Combine(folder, "kernels"));
        Directory.CreateDirectory(Path.Combine(folder, "bundle", "kernels"));
        File.Copy(Path.Combine(Repository.Root, "benchmarks/gpu/run.sh"), Path.Combine(folder, "bundle/run.sh"));
        File.Copy(
            Path.Combine(Repository.Root, "kernels/resources.txt"),
            Path.Combine(folder, "bundle/kernels/resources.txt"));
        string jepa = Path.Combine(folder, "bundle/jepa");
        File.WriteAllText(jepa, "#!/usr/bin/env bash\n"
            + $"exec dotnet '{Path.Combine(AppContext.BaseDirectory, "jepa.dll")}' \"$@\"\n");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(jepa, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        Plant("planner.cu", "DEVICE void score(const CemScoreArgs& a) {",
            "DEVICE void score(const CemScoreArgs& a) {\n  for (volatile int forever = 1; forever;) {}");
        Plant("rotary.cu", "DEVICE void rotary_kernel(const RotaryArgs& a) {",
            "DEVICE void rotary_kernel(const RotaryArgs& a) {\n  *(volatile float*)64 = 1;");
        Plant("sigreg.cu", "struct SigRegArgs {", "#error planted\nstruct SigRegArgs {");
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void FaultyKernelsCostTheirOwnRows()
    {
        Dictionary<string, string> proof = Run("prove");
        Assert.Contains("\nsmoke\tok\t", proof["steps.tsv"]);
        Assert.Contains("\nparity-bf16\tfailed with 1\t", proof["steps.tsv"]);
        Assert.Contains("\nlarge-f32\tok\t", proof["steps.tsv"]);
        Assert.Contains("\ndemo\tskipped: ", proof["steps.tsv"]);
        foreach ((string tier, string dtype) in new[] { ("bf16", "BF16"), ("f32", "F32") })
        {
            File.WriteAllText(Path.Combine(folder, $"{tier}-proof.jsonl"), proof[$"{tier}-proof.jsonl"]);
            Dictionary<string, ProofRecord> records =
                ProofRecord.ReadFolder(folder).ToDictionary(record => record.Case);
            Assert.All(records.Values, record => Assert.Equal(dtype, record.DType));
            Assert.Equal(["CemScore", "Gelu", "Rotary", "SigReg"], records.Keys.Order());
            Assert.True(records["Gelu"] is { Passed: true, Tensors: 18, Share: < 1, Machine.Compiler: not null });
            Assert.Matches("^gave no answer within 1[5-9] s$", records["CemScore"].Fault);
            Assert.Matches("CUDA_ERROR_ILLEGAL_ADDRESS.*rotary.cu:5[0-9]", records["Rotary"].Fault);
            Assert.Matches("does not compile.*#error planted", records["SigReg"].Fault);
            File.Delete(Path.Combine(folder, $"{tier}-proof.jsonl"));
        }
        Assert.Contains("**parity-bf16** failed with 1\n\n```\n18 tensors agree.\n", proof["summary.md"]);
        Assert.All((string[])["Rotary: ", "SigReg: ", "CemScore: gave no answer"],
            line => Assert.Contains($"\n{line}", proof["summary.md"]));

        Dictionary<string, string> measured = Run("measure");
        Assert.Contains("ops\tfailed with 1\t", measured["steps.tsv"]);
        Assert.Equal(
            ["Gelu 16x512 forward sim BF16", "Gelu 16x512 backward sim BF16"],
            BenchFile.Parse(measured["ops.jsonl"].Split('\n')).Records.Select(record => record.Label));
        string[] faults = measured["ops.err"].Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Contains(faults, fault => fault.StartsWith("jepa: CemScore ", StringComparison.Ordinal)
            && fault.EndsWith("was not measured: it did not end within 15 s", StringComparison.Ordinal));
        Assert.Contains(faults, fault => fault.StartsWith("jepa: Rotary ", StringComparison.Ordinal)
            && fault.Contains("ILLEGAL_ADDRESS", StringComparison.Ordinal));
        Assert.Contains(faults, fault => fault.StartsWith("jepa: SigReg ", StringComparison.Ordinal)
            && fault.Contains("does not compile", StringComparison.Ordinal));
        Assert.Contains("table\tok\t", measured["steps.tsv"]);
        Assert.Equal(4, Directory.GetFiles(Path.Combine(folder, "out")).Length);
    }

    private void Plant(string file, string at, string planted)
    {
        string path = Path.Combine(folder, "kernels", file), text = File.ReadAllText(path);
        Assert.Contains(at, text);
        File.WriteAllText(path, text.Replace(at, planted, StringComparison.Ordinal));
    }

    private Dictionary<string, string> Run(string mode)
    {
        string script = Path.Combine(folder, "bundle/run.sh");
        var start = new ProcessStartInfo("bash", [script, mode, Path.Combine(folder, "out")])
        {
            UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        (string, string)[] variables =
        [
            ("DEVICE", "sim"),
            ("WORK", Path.Combine(folder, "work")),
            ("JEPA_KERNELS", Path.Combine(folder, "kernels")),
            ("OPS", "Rotary,SigReg,CemScore,Gelu"),
            ("LARGE", "LayerNorm"),
            ("LIMIT", "15"),
            ("JOBS", "2"),
        ];
        foreach ((string name, string value) in variables)
            start.Environment[name] = value;
        // As the command's own tests do: what is compiled already need not be compiled again.
        if (!start.Environment.ContainsKey("JEPA_CACHE"))
            start.Environment["JEPA_CACHE"] = Environment.GetFolderPath(
                Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify);
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 1, $"exit code {process.ExitCode}: {output}{error.Result}");
        using var packed = new GZipStream(
            File.OpenRead(Path.Combine(folder, "out", $"{mode}.tgz")), CompressionMode.Decompress);
        using var tar = new TarReader(packed);
        var files = new Dictionary<string, string>();
        while (tar.GetNextEntry() is { } entry)
            if (entry.DataStream is { } data)
                files[Path.GetFileName(entry.Name)] = new StreamReader(data).ReadToEnd();
        return files;
    }
}
