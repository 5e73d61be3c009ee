using System.Globalization;
using System.Text.Json;
using JepaEngine.Jepa.Benchmarking;

namespace JepaEngine.PackageTests;

/// <summary>Documents say what the committed results say, and their links lead somewhere.</summary>
public sealed class DocumentTests
{
    private static IEnumerable<JsonElement> Lines(string file) =>
        Repository.Read(file).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement.Clone());

    [Theory]
    [InlineData("README.md", "models cpu")]
    [InlineData("docs/benchmarks.md", "models cpu")]
    [InlineData("docs/hardware.md", "hardware cuda")]
    [InlineData("docs/hardware.md", "measured cuda")]
    public void TablesAreThoseOfTheResults(string document, string table)
    {
        string folder = Path.Combine(Repository.Root, "benchmarks/results");
        BenchFile results = BenchFile.ReadFolder(folder);
        Assert.Equal(0, results.Skipped);
        string text = Repository.Read(document);
        // jepa bench tables writes them.
        Assert.Equal(BenchDocument.Rewrite(text, results.Records, ProofRecord.ReadFolder(folder)), text);
        Assert.Contains($"<!-- table: {table} -->", text);
    }

    /// <summary>Whoever commits the first results of a GPU changes what the README says of GPUs.</summary>
    [Theory]
    [InlineData("Nothing has run on a GPU yet.", "not yet run on hardware")]
    [InlineData("Nothing has been measured on a GPU yet.", "any figure from a GPU")]
    public void TheReadmeKnowsWhetherAnythingRanOnAGpu(string table, string readme) =>
        Assert.Equal(
            Repository.Read("docs/hardware.md").Contains(table), Repository.Read("README.md").Contains(readme));

    /// <summary>A run whose figures are worse than this is measured again before it is committed, or the commit says what became slower.</summary>
    [Theory]
    [InlineData("ijepa-vith", 1.15)]
    [InlineData("vjepa2-vitl-2", 1.15)]
    [InlineData("vjepa2-vitl-16", 1.15)]
    [InlineData("lewm-train 8x4", 1.3)]
    [InlineData("lewm-plan 300x30x5", 1.5)]
    [InlineData("demo-train 64x4", 1.5)]
    [InlineData("demo-plan 256x4x14", 2)]
    public void OnTheProcessorACommittedModelTakesLessTimeThanPyTorchs(string model, double least)
    {
        BenchRecord[] records = [.. BenchFile.ReadFolder(Path.Combine(Repository.Root, "benchmarks/results")).Records
            .Where(record => record.Case == model && record.Device == "cpu")];
        double ours = records.Last(record => record.Engine == "JepaEngine").P50;
        double peer = records.Last(record => record.Engine.StartsWith("PyTorch", StringComparison.Ordinal)).P50;
        Assert.InRange(peer / ours, least, 10);
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
    [InlineData("docs/hardware.md")]
    [InlineData("docs/kernels.md")]
    [InlineData("docs/models.md")]
    [InlineData("benchmarks/peers/README.md")]
    public void LinksLeadSomewhere(string document)
    {
        string folder = Path.GetDirectoryName(Path.Combine(Repository.Root, document))!;
        foreach (string part in Repository.Read(document).Split("](")[1..])
        {
            string target = part[..part.IndexOf(')')];
            Assert.True(target.StartsWith("https://", StringComparison.Ordinal) || File.Exists(Path.Combine(folder, target)), $"{document} links to {target}");
        }
    }
}
