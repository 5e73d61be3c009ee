using System.Text.Json;
using static JepaEngine.PackageTests.JepaProcess;

namespace JepaEngine.PackageTests;

/// <summary><c>jepa roofline</c> as a user meets it.</summary>
public sealed class RooflineCommandTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("jepa-roofline").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void ItMeasuresAndReadsWhatWasMeasured()
    {
        string picture = Path.Combine(folder, "roofline.svg"), records = Path.Combine(folder, "bench.jsonl");
        string text = Works("roofline", "--op", "Relu", "--tokens", "16", "--threads", "1", "--out", picture);
        Assert.Contains("limits   cpu x1 F32: ", text);
        Assert.Contains("Relu 16x4096 forward</text>", File.ReadAllText(picture));

        Works("bench", "--op", "Relu", "--tokens", "16", "--threads", "1,2", "--quick", "--out", records);
        File.AppendAllText(records, "{\"case\":\n");
        string markdown = Works("roofline", "--from", records, "--md");
        Assert.Equal(2, markdown.Split('\n').Count(line => line.Contains("| Relu 16x4096 |", StringComparison.Ordinal)));
        Assert.Contains("1 damaged lines were skipped.", markdown);
        string line = Assert.Single(Works("roofline", "--from", records, "--threads", "2", "--json").Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal(16 * 4096 * 8, JsonDocument.Parse(line).RootElement.GetProperty("bytes").GetDouble());
        Assert.Contains("there are cpu x1 F32, cpu x2 F32: pick one", Fails(2, "roofline", "--from", records, "--out", picture));
        Assert.Contains("no record that was asked for (1 damaged lines)", Fails(3, "roofline", "--from", records, "--device", "cuda:0"));
    }

    [Fact]
    public void AModelIsTakenApart()
    {
        string picture = Path.Combine(folder, "plan.svg");
        string text = Works("roofline", "--model", "demo-plan", "--threads", "1", "--out", picture);
        Assert.Contains("limits   demo-plan 256x4x14 on cpu x1 F32: ", text);
        Assert.Matches(@"run      [\d.]+ ms, \d+ calls, [\d.]+ GFLOP at [\d.]+ GFLOP/s", text);
        Assert.Matches(@"\d  MatMul +\d+x\d+x\d+ NT", text);
        Assert.Matches(@"between operations .* host\n", text);
        Assert.All(text.Split('\n').Where(line => line.Contains(" MatMul ", StringComparison.Ordinal)), line => Assert.InRange(line.Length, 1, 160));
        Assert.Matches(@">MatMul \d+x\d+x\d+ NT", File.ReadAllText(picture));
        JsonElement[] lines = [.. Works("roofline", "--model", "demo-plan", "--threads", "1", "--json").Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => JsonDocument.Parse(line).RootElement)];
        Assert.All(lines, line => Assert.Equal("demo-plan 256x4x14", line.GetProperty("case").GetString()));
        // The run's own line, then its operations, whose FLOPs it is the sum of.
        Assert.Equal(lines[0].GetProperty("flops").GetDouble(),
            lines.Skip(1).Sum(line => line.GetProperty("calls").GetInt64() * line.GetProperty("flops").GetDouble()), 1.0);
    }

    [Theory]
    [InlineData("leave one out", "--from", "x.jsonl", "--op", "Relu")]
    [InlineData("name operations or one model", "--model", "demo-plan,demo-train", "--out", "x.svg")]
    [InlineData("leave one out", "--from", "x.jsonl", "--tokens", "256")]
    [InlineData("the simulator's times mean nothing", "--device", "sim", "--out", "x.svg")]
    [InlineData("--device is 'gpu'", "--device", "gpu")]
    [InlineData("--tokens is 0", "--tokens", "0")]
    public void AMistakeIsOneLine(string message, params string[] options) => Assert.Contains(message, Fails(2, ["roofline", .. options]));
}
