using System.Diagnostics;
using JepaEngine.Benchmarks.Harness;
using JepaEngine.Jepa.Benchmarking;

namespace JepaEngine.PackageTests;

/// <summary>The project of BenchmarkDotNet: the names of its cases, and that the commands read what it writes.</summary>
public sealed class BenchmarkTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("jepa-benchmark").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void TheCasesAreThoseOfTheList()
    {
        string[] names = [.. CaseFacts.All().Select(facts => facts.Name)];
        string[] listed = [.. Repository.Read("benchmarks/JepaEngine.Benchmarks/cases.txt").Split('\n').Where(line => line.Length > 0 && line[0] != '#')];
        Assert.Equal(listed.Order(), names.Order());
        Assert.Distinct(names);
        Assert.InRange(names.Length, 1, 39);
    }

    [Fact]
    public void ARunWritesRecordsThatTheCommandsRead()
    {
        Benchmark("--filter", "*.Rows.SigReg", "*.Api.Encode", "*.Gemm.*", "--iterationCount", "3", "--iterationTime", "2", "--artifacts", folder);
        string file = Assert.Single(Directory.GetFiles(Path.Combine(folder, "results"), "*.jsonl"));
        BenchFile lines = BenchFile.Read(file);
        Assert.Equal(0, lines.Skipped);
        Assert.Equal(11, lines.Records.Count);
        Assert.All(lines.Records, record =>
        {
            Assert.Equal(("cpu", "F32", 1, "JepaEngine"), (record.Device, record.DType, record.Threads, record.Engine));
            Assert.True(record is { P50: > 0, PeakGflops: > 1, PeakGigabytes: > 0.1, Machine: not null });
        });
        BenchRecord cube = lines.Records.Single(record => record.Case == "Gemm.Product TN 1024x1024x1024");
        Assert.Equal(2.0 * 1024 * 1024 * 1024, cube.Flops);
        // A product cannot do more than the fused multiply-adds alone, met in the same process.
        Assert.InRange(cube.OfPeak!.Value, 1e-3, 1.1);
        BenchRecord rows = lines.Records.Single(record => record.Case == "Rows.SigReg 4x64x256");
        Assert.True(rows is { Cold: true, Bytes: 4 * 64 * 256 * sizeof(float), OfPeak: > 0, Allocated: 0 });
        Assert.True(lines.Records.Single(record => record.Case == "Api.Encode 32x32") is { Allocated: > 0, OfPeak: null });
        Assert.Contains("Gemm.Product NT 1x384x384", JepaProcess.Works("roofline", "--from", file));
        Assert.Contains("Rows.SigReg 4x64x256", JepaProcess.Works("compare", file, file));
    }

    [Fact]
    public void CasesMeetTheSettingsOfTheCommand()
    {
        // In this process, as the command's: an own job cannot set them.
        string own = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "JepaEngine.Benchmarks.runtimeconfig.json"));
        foreach (string setting in (string[])["System.Runtime.TieredPGO", "System.Runtime.TieredCompilation.QuickJitForLoops", "System.GC.Concurrent"])
            Assert.Contains($"\"{setting}\": false", own);
    }

    private static void Benchmark(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "JepaEngine.Benchmarks.dll"), .. arguments])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
        };
        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, output);
    }
}
