using System.Text.Json;
using static JepaEngine.PackageTests.JepaProcess;

namespace JepaEngine.PackageTests;

/// <summary><c>jepa bench</c> as a user meets it.</summary>
public sealed class BenchCommandTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("jepa-bench").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void AGridIsMeasuredOnceAndShownInEveryForm()
    {
        string lines = Path.Combine(folder, "bench.jsonl"), peer = Path.Combine(folder, "peer.jsonl");
        string text = Works("bench", "--op", "Relu,Ema", "--tokens", "16,32", "--threads", "1,2", "--quick", "--out", lines);
        Assert.Contains("machine ", text);
        // Two sizes and the one whose size is its own, on one thread and on two.
        Assert.Equal(6, File.ReadLines(lines).Count());
        Assert.Equal(["cpu x1", "cpu x2"], text.Split('\n').Where(line => line.StartsWith("Relu 16x4096 ", StringComparison.Ordinal))
            .Select(line => line.Contains("cpu x1", StringComparison.Ordinal) ? "cpu x1" : "cpu x2"));

        // A peer's lines: the ratio shows, a damaged line is counted.
        string[] others = [.. File.ReadLines(lines).Select(line => line.Replace("\"engine\":\"JepaEngine\"", "\"engine\":\"PyTorch\"", StringComparison.Ordinal))];
        File.WriteAllLines(peer, [.. others, "{"]);
        string markdown = Works("bench", "--op", "Relu", "--tokens", "16", "--threads", "1", "--quick", "--md", "--peer", peer);
        Assert.Contains("x PyTorch |", markdown);
        Assert.Contains("1 damaged lines", markdown);

        string json = Works("bench", "--op", "Relu", "--tokens", "16", "--threads", "1", "--quick", "--json");
        JsonElement record = JsonDocument.Parse(Assert.Single(json.Split('\n', StringSplitOptions.RemoveEmptyEntries))).RootElement;
        Assert.Equal("Relu 16x4096", record.GetProperty("case").GetString());
        Assert.True(record.GetProperty("samples").GetArrayLength() >= 3);
        string csv = Works("bench", "--op", "Relu", "--tokens", "16", "--threads", "1", "--quick", "--csv");
        Assert.Equal(2, csv.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
    }

    [Fact]
    public void ANarrowTerminalGetsWholeLines()
    {
        (int code, string text) = RunAtTerminal("bench", "--op", "Relu", "--tokens", "16", "--threads", "1", "--warm");
        Assert.Equal(0, code);
        Assert.DoesNotContain(text, letter => char.IsControl(letter) && letter != '\n');
        Assert.Matches("(?m)^Relu 16x4096  forward  cpu x1  F32 .* GB/s .* -$", text);
    }

    [Theory]
    [InlineData("no operation is called 'Nothing'", "--op", "Nothing")]
    [InlineData("no model is called 'gpt2'", "--model", "gpt2")]
    [InlineData("--tokens names '0'", "--tokens", "256,0")]
    [InlineData("--dtype names 'f16'", "--dtype", "f16")]
    [InlineData("computes in f32", "--dtype", "bf16")]
    [InlineData("--device names 'gpu'", "--device", "gpu")]
    [InlineData("measure operations", "--device", "sim", "--model", "lewm-plan")]
    public void AMistakeIsOneLine(string message, params string[] options) => Assert.Contains(message, Fails(2, ["bench", .. options]));

    [Fact]
    public void APeersFileThatIsNotThereIsToldAtOnce() => Assert.Contains("missing.jsonl", Fails(3, "bench", "--peer", Path.Combine(folder, "missing.jsonl")));
}
