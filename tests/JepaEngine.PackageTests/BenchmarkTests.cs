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
    public void EveryCaseRunsAndCountsItsWork()
    {
        IReadOnlyList<BenchRecord> records = Measure("--job", "Dry");
        Assert.Equal(CaseFacts.All().Select(facts => facts.Name).Order(), records.Select(record => record.Case).Order());
        Assert.All(records, record => Assert.True(record.P50 > 0 && record.OfPeak > 0 == record.Flops + record.Bytes > 0, record.Case));
        // Nobody counts the work of what has little, or of a whole model.
        Assert.All(records.Where(record => record.OfPeak is null), record => Assert.Matches(@"^Api\.|^Loaders\.PickleFile |\.Demo", record.Case));
    }

    [Fact]
    public void ARunWritesRecordsThatTheCommandsRead()
    {
        IReadOnlyList<BenchRecord> records = Measure("--filter", "*.Rows.SigReg", "*.Api.Encode", "*.Gemm.*", "--iterationCount", "3", "--iterationTime", "2");
        Assert.Equal(11, records.Count);
        Assert.All(records, record =>
        {
            Assert.Equal(("cpu", "F32", 1, "JepaEngine"), (record.Device, record.DType, record.Threads, record.Engine));
            Assert.True(record is { Samples.Length: >= 2, PeakGflops: > 1, PeakGigabytes: > 0.1, Machine: not null }, record.Case);
        });
        BenchRecord cube = records.Single(record => record.Case == "Gemm.Product TN 1024x1024x1024");
        Assert.Equal((2.0 * 1024 * 1024 * 1024, 12.0 * 1024 * 1024), (cube.Flops, cube.Bytes));
        // A product cannot do more than the fused multiply-adds alone, met in the same process.
        Assert.InRange(cube.OfPeak!.Value, 1e-3, 1.1);
        Assert.True(records.Single(record => record.Case == "Rows.SigReg 4x64x256") is { Cold: true, Bytes: 4 * 64 * 256 * sizeof(float) });
        Assert.True(records.Single(record => record.Case == "Api.Encode 32x32") is { Cold: false, Allocated: > 0 });
        Assert.Contains("Gemm.Product NT 1x384x384", JepaProcess.Works("roofline", "--from", Lines));
        Assert.Contains("Rows.SigReg 4x64x256", JepaProcess.Works("compare", Lines, Lines));
    }

    [Theory]
    [InlineData("jepa")]
    [InlineData("JepaEngine.Benchmarks")]
    public void CasesRunUnderTheSettingsOfTheCommand(string program)
    {
        string settings = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, $"{program}.runtimeconfig.json"));
        Assert.Contains("\"System.Runtime.TieredPGO\": false", settings);
        Assert.Contains("\"System.Runtime.TieredCompilation.QuickJitForLoops\": false", settings);
    }

    private string Lines => Assert.Single(Directory.GetFiles(Path.Combine(folder, "results"), "*.jsonl"));

    /// <summary>Runs the project as a process and reads what it writes.</summary>
    private IReadOnlyList<BenchRecord> Measure(params string[] arguments)
    {
        string[] all = [Path.Combine(AppContext.BaseDirectory, "JepaEngine.Benchmarks.dll"), .. arguments, "--artifacts", folder];
        var start = new ProcessStartInfo("dotnet", all)
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
        };
        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, output);
        BenchFile file = BenchFile.Read(Lines);
        Assert.Equal(0, file.Skipped);
        return file.Records;
    }
}
