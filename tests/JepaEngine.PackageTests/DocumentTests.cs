using System.Globalization;
using System.Text.Json;

namespace JepaEngine.PackageTests;

/// <summary>Documents say what the committed results say, and their links lead somewhere.</summary>
public sealed class DocumentTests
{
    private const string Results = "benchmarks/results/2026-11-20-zen4-2-cores";

    private static IEnumerable<JsonElement> Lines(string file) =>
        Repository.Read(file).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement.Clone());

    [Fact]
    public void ThePeerTableIsThatOfTheResults()
    {
        string document = Repository.Read("docs/benchmarks.md");
        var seconds = Lines($"{Results}.jsonl").Where(line => line.TryGetProperty("engine", out _)).ToDictionary(
            line => (line.GetProperty("engine").GetString(), line.GetProperty("name").GetString()!, line.GetProperty("threads").GetInt32()),
            line => line.GetProperty("seconds").GetDouble());
        int rows = 0;
        foreach (((string? engine, string name, int threads), double ours) in seconds)
        {
            if (engine != "JepaEngine")
                continue;
            string peer = seconds.TryGetValue(("PyTorch", name, threads), out double theirs) ? $"{Show(theirs)} | {theirs / ours:0.00}x" : "- | -";
            Assert.Contains($"| {name} | {threads} | {Show(ours)} | {peer} |", document);
            rows++;
        }
        Assert.Equal(19, rows);
    }

    [Fact]
    public void TheKernelTableIsThatOfTheResults()
    {
        string document = Repository.Read("docs/benchmarks.md");
        string[] lines = [.. Repository.Read($"{Results}-kernels.txt").Split('\n').Where(line => line.Contains("  NT ") || line.Contains("  NN ") || line.Contains("  TN "))];
        Assert.Equal(28, lines.Length);
        foreach (string line in lines)
        {
            string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            Assert.Contains($"| {words[0]} x {words[2]} x {words[4]} | {words[5]} | {words[6]} | {words[8]} | {words[9]} | {words[10]} |", document);
        }
    }

    [Fact]
    public void TheDemoTableIsThatOfTheResults()
    {
        string document = Repository.Read("docs/benchmarks.md");
        foreach (JsonElement run in Lines("benchmarks/accuracy/2026-11-20-demo.jsonl"))
        {
            Assert.Contains($"| {run.GetProperty("seed")} | {run.GetProperty("reached").GetString()} | {run.GetProperty("sameRoom").GetString()} | "
                + $"{run.GetProperty("door").GetString()} | {run.GetProperty("probeR2")} | {run.GetProperty("effectiveRank")} |", document);
            // What the demo's recipe accepts.
            Assert.True(int.Parse(run.GetProperty("reached").GetString()!.Split('/')[0]) >= 190);
            Assert.InRange(run.GetProperty("seconds").GetDouble(), 1, 60);
        }
    }

    [Fact]
    public void TheTableOfEncodersIsThatOfTheResults()
    {
        string document = Repository.Read("docs/benchmarks.md");
        var seconds = Lines($"{Results}-models.jsonl").Where(line => line.TryGetProperty("engine", out _)).ToDictionary(
            line => (line.GetProperty("engine").GetString(), line.GetProperty("name").GetString()!), line => line.GetProperty("seconds").GetDouble());
        foreach (((string? engine, string name), double ours) in seconds.Where(line => line.Key.Item1 == "JepaEngine"))
        {
            string peer = seconds.TryGetValue(("PyTorch", name), out double theirs) ? $"{Show(theirs)} | {theirs / ours:0.00}x" : "- | -";
            Assert.Contains($"| {name} | {Show(ours)} | {peer} |", document);
            // What was asked for.
            Assert.True(!seconds.ContainsKey(("PyTorch", name)) || theirs >= 1.25 * ours, $"{engine}: {name}");
        }
    }

    [Fact]
    public void TheFullSizeTableIsThatOfTheResults()
    {
        string document = Repository.Read("docs/models.md");
        foreach (JsonElement model in Lines("benchmarks/accuracy/2026-11-20-full-size.jsonl"))
        {
            double error = model.GetProperty("error").GetDouble();
            Assert.Contains($"| {model.GetProperty("model").GetString()} | {model.GetProperty("tokens")} | {error.ToString("0.0e-00", CultureInfo.InvariantCulture)} | "
                + $"{model.GetProperty("weightsGB").GetDouble():0.00} GB | {model.GetProperty("peakGB").GetDouble():0.00} GB |", document);
            // What is asked of a model end to end.
            Assert.InRange(error, 0, 1e-4);
        }
    }

    [Theory]
    [InlineData("README.md")]
    [InlineData("docs/architecture.md")]
    [InlineData("docs/from-pytorch.md")]
    [InlineData("docs/benchmarks.md")]
    [InlineData("docs/models.md")]
    public void LinksLeadSomewhere(string document)
    {
        string folder = Path.GetDirectoryName(Path.Combine(Repository.Root, document))!;
        foreach (string part in Repository.Read(document).Split("](")[1..])
        {
            string target = part[..part.IndexOf(')')];
            Assert.True(target.StartsWith("https://", StringComparison.Ordinal) || File.Exists(Path.Combine(folder, target)), $"{document} links to {target}");
        }
    }

    private static string Show(double seconds) => seconds >= 1 ? $"{seconds:0.00} s" : $"{1e3 * seconds:0.00} ms";
}
