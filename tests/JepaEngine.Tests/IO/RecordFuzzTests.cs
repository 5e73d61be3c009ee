using System.Diagnostics;
using System.Text.Json;
using JepaEngine.IO;
using JepaEngine.Jepa.Benchmarking;
using JepaEngine.Jepa.Checkpoints;
using JepaEngine.Jepa.Models;
using JepaEngine.Jepa.Planning;
using JepaEngine.Jepa.Reporting;
using JepaEngine.Jepa.Runs;
using JepaEngine.Jepa.Training;
using JepaEngine.Tests.Benchmarking;
using JepaEngine.Tests.Reporting;

namespace JepaEngine.Tests.IO;

/// <summary>
/// Every record that is read from JSON, with each of its values replaced by what it cannot be: it is refused by the one
/// documented exception, in one line, or it is as good as any other: whoever uses it finds nothing wrong with it.
/// </summary>
public sealed class RecordFuzzTests : IDisposable
{
    private const int LongestMessage = 2500;
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(2);

    private readonly TemporaryFile temporary = new();

    public void Dispose() => temporary.Dispose();

    [Fact]
    public void The_configuration_of_a_run()
    {
        string path = Path.Combine(temporary.Folder, "config.json");
        RunConfig.Demo.Write(path);
        Fuzz(File.ReadAllText(path), json =>
        {
            RunConfig config = StrictJson.Read(json, path, RunConfig.Published, RunJson.Default.RunConfig);
            _ = new CemPlanner(config.Planner.Cem);
            Assert.True(float.IsFinite((float)config.Train.LearningRate) && config.Model.PixelStd.All(std => std > 0));
            Assert.InRange(config.Planner.ExecuteBlocks, 1, config.Planner.Cem.Horizon);
        });
    }

    [Fact]
    public void The_record_of_a_report() => Fuzz((SampleReport.Make() with
    {
        Prediction = new Curve([1, 2, 3], [3, 2, 1]), SigReg = new Curve([1, 2, 3], [3, 2, 1]), Spectrum = [3, 2, 1],
        PatchMaps = [.. SampleReport.Make().PatchMaps.Take(2).Select(map => map with { Size = 2, Frame = new byte[12] })],
        Traces = [.. SampleReport.Make().Traces.Take(2).Select(trace => trace with { Imagined = [[1, 2], [3, 4]] })],
    }).ToJson(), json =>
    {
        string path = Path.Combine(temporary.Folder, "report.json");
        File.WriteAllText(path, json);
        DemoReport.Html(DemoReportData.Read(path));
    });

    [Fact]
    public void A_line_of_measurements() => Fuzz(BenchFileTests.Sample.ToJson(), json =>
    {
        BenchFile file = BenchFile.Parse([json.ReplaceLineEndings(" "), BenchFileTests.Sample.ToJson()]);
        Assert.Equal(2, file.Records.Count + file.Skipped);
        foreach (BenchRecord record in file.Records)
        {
            _ = (record.Label, record.P50, record.Noise, record.OfPeak, record.ToJson());
            if (record.Rounds > 0)
                record.Round(record.Rounds - 1);
        }
        _ = BenchTable.Plain(file.Records).Concat(BenchTable.Markdown(file.Records)).Concat(BenchTable.Csv(file.Records))
            .Concat(BenchTable.Peaks(file.Records)).Count();
        Comparison.Of(file.Records, [BenchFileTests.Sample], 0.05);
        BenchHistory.Of(file.Records);
    });

    [Fact]
    public void A_line_of_a_proof() => Fuzz(ProofRecordTests.Sample.ToJson(), json =>
    {
        File.WriteAllText(Path.Combine(temporary.Folder, "a-proof.jsonl"), json.ReplaceLineEndings(" "));
        foreach (ProofRecord record in ProofRecord.ReadFolder(temporary.Folder))
            _ = (record.Passed, record.ToJson());
    });

    [Fact]
    public void A_line_of_a_training_log()
    {
        var step = new TrainStep(3, 9, 1.5, [new("prediction", 1)], 0.5, 1e-3, [new("rank", 4)], 10, 2, false);
        foreach (string json in JsonMutations.Of(step.ToJson()))
        {
            try
            {
                _ = TrainStep.Parse(json).ToString();
            }
            catch (JsonException)
            {
            }
        }
    }

    [Fact]
    public void The_configuration_in_a_file_of_this_engine() => Fuzz(
        JepaFormat.Metadata(VJepa2.Large256 with { Probe = new ProbeConfig { Size = new(1024, 3, 16, 4096), Classes = [2], Labels = ["a", "b"] } })["jepa_config"],
        json => JsonRecord.Parse(json, "model", ConfigJson.Default.JepaConfig).Validate());

    [Fact]
    public void The_configuration_of_a_world_model() => Fuzz(LeWorldModel.Family.Metadata(LeWorldModelConfig.Demo)["config"],
        json => StrictJson.Read(json, "model", LeWorldModelConfig.Published, ConfigJson.Default.LeWorldModelConfig).Validate());

    [Theory]
    [InlineData("hf_vjepa2", "config.json")]
    [InlineData("hf_ijepa", "config.json")]
    [InlineData("hf_ijepa", "preprocessor_config.json")]
    [InlineData("lewm", "config.json")]
    public void A_folder_s_configuration(string name, string changed)
    {
        string folder = Path.Combine(AppContext.BaseDirectory, "Fixtures", "models", name);
        foreach (string file in Directory.GetFiles(folder))
            File.Copy(file, Path.Combine(temporary.Folder, Path.GetFileName(file)));
        string path = Path.Combine(temporary.Folder, changed);
        string json = File.Exists(path)
            ? File.ReadAllText(path)
            : """{"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225], "do_resize": true}""";
        Fuzz(json, mutated =>
        {
            File.WriteAllText(path, mutated);
            using ModelFile file = ModelFile.Open(temporary.Folder);
            if (file.Check().Passed)
                file.Load(Device.Cpu).Dispose();
        });
    }

    private static void Fuzz(string json, Action<string> read)
    {
        read(json);
        foreach (string mutated in JsonMutations.Of(json))
        {
            long begin = Stopwatch.GetTimestamp();
            try
            {
                read(mutated);
            }
            catch (BadFileException error)
            {
                Assert.True(error.Message.Length < LongestMessage && !error.Message.Any(char.IsControl), error.Message);
            }
            catch (Exception error) when (error is not Xunit.Sdk.IAssertionException)
            {
                Assert.Fail($"{error} of {mutated}");
            }
            Assert.True(Stopwatch.GetElapsedTime(begin) < Longest, mutated);
        }
    }
}
