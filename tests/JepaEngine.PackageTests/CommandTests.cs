using System.Diagnostics;
using System.Text.Json;
using static JepaEngine.PackageTests.JepaProcess;

namespace JepaEngine.PackageTests;

/// <summary>The command as a user meets it: a process, its exit code and what it prints.</summary>
public sealed class CommandTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("jepa-command").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData("demo")]
    [InlineData("train")]
    [InlineData("runs")]
    [InlineData("eval")]
    [InlineData("plan")]
    [InlineData("report")]
    [InlineData("doctor")]
    [InlineData("parity")]
    [InlineData("bench")]
    [InlineData("roofline")]
    [InlineData("compare")]
    [InlineData("gate")]
    [InlineData("inspect")]
    [InlineData("run")]
    [InlineData("encode")]
    [InlineData("classify")]
    [InlineData("convert")]
    public void HelpShowsAnExample(string verb)
    {
        (int code, string output, _) = Run(verb, "--help");
        Assert.Equal(0, code);
        Assert.Contains($"Example:\n  jepa {verb}", output);
    }

    [Fact]
    public void ARunTrainsEvaluatesPlansAndReports()
    {
        string run = Path.Combine(folder, "run");
        (int code, string output, string error) = Run("demo", "--out", run, "--steps", "20", "--episodes", "4");
        // Twenty steps do not reach the demo's figures, and the exit code says so.
        Assert.True(code == 1, $"exit code {code}: {error}");
        Assert.Contains("| through the door |", output);
        Assert.Contains("MISS", output);
        Assert.Equal(20, File.ReadLines(Path.Combine(run, "train.jsonl")).Count());
        Assert.StartsWith("<!doctype html>", File.ReadAllText(Path.Combine(run, "report.html")));

        Assert.Equal(0, Run("report", run).Code);
        (code, output, _) = Run("plan", run, "--json");
        Assert.Equal(0, code);
        Assert.All(output.Split('\n', StringSplitOptions.RemoveEmptyEntries), line => JsonDocument.Parse(line).Dispose());

        // A damaged model file ends in one line, and stays as it is.
        string model = Path.Combine(run, "model.safetensors");
        byte[] bytes = File.ReadAllBytes(model);
        File.WriteAllBytes(model, bytes[..(bytes.Length / 2)]);
        (code, _, error) = Run("eval", run);
        Assert.Equal(3, code);
        Assert.Equal(1, error.Count(c => c == '\n'));
        Assert.Contains("model.safetensors", error);
    }

    [Fact]
    public void ADivergingRunStopsWithSix()
    {
        string config = Path.Combine(folder, "diverge.json");
        File.WriteAllText(config, """
            {"model": {"imageSize": 56, "encoderWidth": 24, "encoderDepth": 1, "encoderHeads": 2, "encoderMlp": 24},
             "train": {"sigRegWeight": 1e30}}
            """);
        string run = Path.Combine(folder, "diverge");
        (int code, _, string error) = Run("train", run, "--config", config, "--batch", "4", "--steps", "10");
        Assert.True(code == 6, $"exit code {code}: {error}");
        Assert.Equal(3, File.ReadLines(Path.Combine(run, "train.jsonl")).Count());
        Assert.Contains("not finite", error);
        Assert.False(File.Exists(Path.Combine(run, "model.safetensors")));
    }

    [Fact]
    public void AnInterruptedRunIsSavedWithSeven()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "a signal reaches another process through kill, which Windows lacks");
        string run = Path.Combine(folder, "interrupted"), log = Path.Combine(run, "train.jsonl");
        using Process process = Start("train", run, "--steps", "100000");
        try
        {
            var clock = Stopwatch.StartNew();
            while (!(File.Exists(log) && new FileInfo(log).Length > 0) && clock.Elapsed < TimeSpan.FromMinutes(2))
                Thread.Sleep(50);
            // Not -INT, which does the same: a shell that runs the tests in the background lets its children ignore it.
            using (Process kill = Process.Start("kill", ["-TERM", process.Id.ToString()]))
                kill.WaitForExit();
            Assert.True(process.WaitForExit(TimeSpan.FromMinutes(1)));
        }
        finally
        {
            process.Kill();
        }
        Assert.Equal(7, process.ExitCode);
        Assert.True(File.Exists(Path.Combine(run, "model.safetensors")));
    }

    [Theory]
    [InlineData(2, "'--stps'", "demo", "--stps", "3")]
    [InlineData(2, "--episodes is 0", "demo", "--episodes", "0")]
    [InlineData(3, "model.safetensors: ", "eval", "no-such-run")]
    [InlineData(3, "report.json: ", "report", "no-such-run")]
    [InlineData(2, "x,y", "plan", "no-such-run", "--start", "1;2")]
    [InlineData(2, "--goal is '112,150', which is in a wall", "plan", "no-such-run", "--goal", "112,150")]
    [InlineData(2, "--seed is '-1'; it is a whole number, 0 or more", "plan", "no-such-run", "--seed", "-1")]
    [InlineData(2, "--batch is 'x'; it is a whole number\n", "train", "no-such-run", "--batch", "x")]
    public void FaultsEndInOneLineAndACode(int expected, string mentions, params string[] arguments)
    {
        (int code, _, string error) = Run(arguments);
        Assert.Equal(expected, code);
        Assert.DoesNotContain("   at ", error);
        Assert.StartsWith("jepa: ", error);
        Assert.Contains(mentions, error);
    }

    /// <summary>2^20 windows of 602,112 bytes: 32 bits overflowed.</summary>
    [Fact]
    public void ABatchThatNoArrayHoldsEndsInFive()
    {
        string config = Path.Combine(folder, "config.json");
        File.WriteAllText(config, """{"train": {"batch": 1048576}}""");
        (int code, _, string error) = Run("train", Path.Combine(folder, "run"), "--config", config);
        Assert.Equal(5, code);
        Assert.Contains("a batch of train.batch 1048576 windows", error);
    }

    [Fact]
    public void AnUnknownKeyNamesTheNearest()
    {
        string config = Path.Combine(folder, "config.json");
        File.WriteAllText(config, """{"train": {"learningrate": 1}}""");
        (int code, _, string error) = Run("train", Path.Combine(folder, "run"), "--config", config);
        Assert.Equal(3, code);
        Assert.Contains("'train.learningRate'", error);
    }

    [Theory]
    [InlineData("""{"model": {"patch": 0}}""", "patch is 0")]
    [InlineData("""{"model": {"encoderHeads": 5}}""", "no multiple of encoderHeads 5")]
    [InlineData("""{"model": {"pixelMean": null}}""", "pixelMean")]
    [InlineData("""{"train": {"frames": 6}}""", "5 contexts, which do not divide into windows of 3")]
    [InlineData("""{"train": {"steps": "many"}}""", "train.steps is \"many\"; it is a whole number")]
    [InlineData("""{"train": """, "cannot be read")]
    [InlineData("[1]", "no JSON object")]
    public void AConfigurationThatCannotBeEndsInOneLine(string json, string mentions)
    {
        string config = Path.Combine(folder, "config.json");
        File.WriteAllText(config, json);
        (int code, _, string error) = Run("train", Path.Combine(folder, "run"), "--config", config);
        Assert.Equal(3, code);
        Assert.Equal(1, error.Count(c => c == '\n'));
        Assert.Contains(mentions, error);
    }

    [Theory]
    [InlineData("JEPA_CPU_ISA", "sse9", 2)]
    [InlineData("JEPA_CPU_THREADS", "-1", 2)]
    [InlineData("JEPA_CPU_THREADS", "0", 2)]
    [InlineData("JEPA_CPU_THREADS", "30000", 2)]
    [InlineData("JEPA_CPU_THREADS", "two", 2)]
    [InlineData("JEPA_CPU_ISA", "scalar", 0)]
    public void TheEnvironmentIsChecked(string variable, string value, int expected)
    {
        using Process process = Start([("JEPA", "1"), (variable, value)], "doctor");
        process.WaitForExit();
        Assert.Equal(expected, process.ExitCode);
    }
}
