using System.Diagnostics;
using JepaEngine.Jepa.Benchmarking;
using static JepaEngine.PackageTests.JepaProcess;

namespace JepaEngine.PackageTests;

/// <summary>
/// <c>jepa parity</c> with a process an operation, its proof, and its large cases; <see cref="BundleRehearsalTests"/>
/// has those that crash and hang.
/// </summary>
public sealed class ParityCommandTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("jepa-parity").FullName;

    private string Proof => Path.Combine(folder, $"x{ProofRecord.Ending}");

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void OperationsInProcessesOfTheirOwnSayWhatTheySayInOne()
    {
        string apart = Simulated("parity", "--device", "sim:bf16", "--op", "Gelu,Full", "--jobs", "2", "--out", Proof);
        string gelu = Simulated("parity", "--device", "sim:bf16", "--op", "Gelu");
        string full = Simulated("parity", "--device", "sim:bf16", "--op", "Full");
        // In the order in which the processes end.
        string[] Rows(params string[] texts) => [.. texts.SelectMany(text => text.Split('\n')[2..^2]).Order()];
        Assert.Equal(Rows(gelu, full), Rows(apart));
        IReadOnlyList<ProofRecord> proof = ProofRecord.ReadFolder(folder);
        Assert.Equal(
            [("Full", "sim", "BF16"), ("Gelu", "sim", "BF16")],
            proof.Select(record => (record.Case, record.Device, record.DType)).Order());
        Assert.All(proof, record => Assert.True(record is
        {
            Passed: true, Large: false, Share: >= 0 and <= 1,
            Machine: { Gpu: not null, Compiler: not null }, Utc: not null
        }));
        Assert.EndsWith($"{proof.Sum(record => record.Tensors)} tensors agree.\n", apart);
    }

    /// <summary>
    /// A norm that is a hundredth too small: far within what a glance at a picture would see, and far outside what is
    /// allowed.
    /// </summary>
    [Fact]
    public void ALargeCaseFindsAWrongKernel()
    {
        string kernels = Path.Combine(folder, "kernels");
        Repository.CopyKernels(kernels);
        string layernorm = Path.Combine(kernels, "layernorm.cu"), text = File.ReadAllText(layernorm);
        Assert.Contains("1 / sqrtf(", text);
        File.WriteAllText(layernorm, text.Replace("1 / sqrtf(", "0.99f / sqrtf(", StringComparison.Ordinal));
        (int code, string output, string error) = Run(
            [("JEPA_KERNELS", kernels)],
            "parity", "--large", "--device", "sim", "--op", "LayerNorm", "--out", Proof);
        Assert.SkipWhen(code == 4 && error.Contains("to compile kernels"), error);
        Assert.True(code == 1, error);
        Assert.Matches("[1-9][0-9]* of [0-9]+ tensors do not agree\\.", output);
        ProofRecord record = Assert.Single(ProofRecord.ReadFolder(folder));
        Assert.Equal("LayerNorm published widths", record.Case);
        Assert.True(record is { Passed: false, Large: true, Disagree: > 7, Share: > 10 });
    }

    [Fact]
    public void AProofThatCannotBeWrittenIsToldBeforeAnythingIsChecked() =>
        Assert.Contains("proof.jsonl", Fails(3, "parity", "--op", "Gelu", "--out", "/proc/proof.jsonl"));

    /// <summary>One that is killed cannot end its workers: they end with it.</summary>
    [Fact]
    public void AKilledRunLeavesNoWorker()
    {
        Simulated("parity", "--device", "sim", "--op", "Relu");
        int[] workers;
        using (Process process = Start("parity", "--device", "sim", "--op", "MatMul,Attention", "--jobs", "2"))
        {
            while ((workers = Children(process.Id)).Length < 2 && !process.HasExited)
                Thread.Sleep(50);
            process.Kill();
            process.WaitForExit();
        }
        Assert.Equal(2, workers.Length);
        Assert.True(SpinWait.SpinUntil(
            () => workers.All(id => ParentOf($"/proc/{id}/stat") == 0), TimeSpan.FromSeconds(10)));
    }

    [Fact]
    public void AnInterruptLeavesNoProcessAndTheProofSoFar()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "signals are Unix's");
        Simulated("parity", "--device", "sim", "--op", "Relu");
        using Process process = Start("parity", "--device", "sim", "--jobs", "2", "--out", Proof);
        Task<string> output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        while (!File.Exists(Proof) && !process.HasExited)
            Thread.Sleep(50);
        Process.Start("kill", ["-TERM", $"{process.Id}"]).WaitForExit();
        Assert.True(process.WaitForExit(TimeSpan.FromSeconds(10)));
        Assert.Equal(7, process.ExitCode);
        Assert.All(ProofRecord.ReadFolder(folder), record => Assert.True(record.Passed));
        Assert.Empty(Children(process.Id));
    }

    [Theory]
    [InlineData("--jobs is 0", "--jobs", "0")]
    [InlineData("--limit is 0", "--limit", "0")]
    [InlineData("no operation is called 'Nothing'", "--op", "Gelu,Nothing")]
    [InlineData("a list names nothing", "--op", ",")]
    [InlineData("no large case is called 'Gelu'", "--large", "--op", "Gelu")]
    [InlineData("leave out --large", "--large", "--watch", "kernels", "--device", "sim")]
    public void AMistakeIsOneLine(string message, params string[] arguments) =>
        Assert.Contains(message, Fails(2, ["parity", .. arguments]));

    private static string Simulated(params string[] arguments)
    {
        (int code, string output, string error) = Run(arguments);
        Assert.SkipWhen(code == 4 && error.Contains("to compile kernels"), error);
        Assert.True(code == 0, output + error);
        return output;
    }

    private static int[] Children(int parent) =>
    [
        .. Directory.EnumerateDirectories("/proc")
            .Where(at => int.TryParse(Path.GetFileName(at), out _) && ParentOf(Path.Combine(at, "stat")) == parent)
            .Select(at => int.Parse(Path.GetFileName(at))),
    ];

    private static int ParentOf(string stat)
    {
        try
        {
            string text = File.ReadAllText(stat);
            return int.Parse(text[(text.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return 0; // it has ended meanwhile
        }
    }
}
