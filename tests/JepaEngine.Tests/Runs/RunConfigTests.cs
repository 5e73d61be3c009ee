using JepaEngine.IO;
using JepaEngine.Jepa.Runs;

namespace JepaEngine.Tests.Runs;

/// <summary>What a run's configuration cannot say is refused before anything is recorded or trained, by key and
/// range.</summary>
public sealed class RunConfigTests : IDisposable
{
    private readonly TemporaryFile temporary = new();

    public void Dispose() => temporary.Dispose();

    [Theory]
    [InlineData("""{"model": null}""", "model is null; it is an object with keys")]
    [InlineData("""{"train": null}""", "train is null; it is an object with keys")]
    [InlineData("""{"planner": null}""", "planner is null; it is an object with keys")]
    [InlineData("""{"planner": {"cem": null}}""", "planner.cem is null; it is an object with keys")]
    [InlineData("""{"train": {"learningRate": 1e999}}""", "a number is beyond 1.8e308")]
    [InlineData("""{"train": {"learningRate": "Infinity"}}""", "train.learningRate is Infinity; it is 0 to 1E+30")]
    [InlineData("""{"train": {"sigRegWeight": "NaN"}}""", "train.sigRegWeight is NaN; it is 0 to 1E+30")]
    [InlineData("""{"train": {"clipNorm": 0}}""", "train.clipNorm is 0; it is above 0, up to 1E+30")]
    [InlineData("""{"train": {"batch": 300000000}}""", "train.batch is 300000000; it is 2 to 1048576")]
    [InlineData("""{"model": {"pixelStd": [0.2, 0, 0.2]}}""", "model.pixelStd is [0.2, 0, 0.2]; each is 1e-9 to 1e9")]
    [InlineData("""{"model": {"pixelStd": [1e-38, 1e-38, 1e-38]}}""", "; each is 1e-9 to 1e9")]
    [InlineData("""{"model": {"pixelMean": [0, 0, 1e30]}}""", "it is three numbers from -1e6 to 1e6")]
    [InlineData("""{"model": {"pixelStd": [1, "x", 2]}}""",
        "model.pixelStd is [1,\"x\",2]; it is a list, each element a number")]
    [InlineData("""{"train": {"seed": -1}}""", "train.seed is -1; it is a whole number from 0 to 18446744073709551615")]
    [InlineData("""{"train": {"steps": 1.5}}""", "train.steps is 1.5; it is a whole number")]
    [InlineData("""{"planner": {"cost": "best"}}""", "planner.cost is \"best\"; it is Last or Nearest")]
    [InlineData("""{"planner": {"cem": {"takeBest": null}}}""", "planner.cem.takeBest is null; it is true or false")]
    [InlineData("""{"model": {"pixelMean": [0.2, null, 0.2]}}""", "an element is null")]
    [InlineData("""{"model": {"encoderInit": 7}}""", "model.encoderInit is 7; it is Published or FanIn")]
    [InlineData("""{"planner": {"executeBlocks": 0}}""", "planner.executeBlocks is 0; it is 1 to 5")]
    [InlineData("""{"planner": {"executeBlocks": 6}}""", "planner.executeBlocks is 6; it is 1 to 5")]
    [InlineData("""{"planner": {"cost": 9}}""", "planner.cost is 9; it is Last or Nearest")]
    [InlineData("""{"planner": {"cem": {"minStd": "Infinity"}}}""", "planner.cem.minStd is Infinity; it is 0 to 1")]
    [InlineData("""{"planner": {"cem": {"initialStd": 1e20}}}""",
        "planner.cem.initialStd is 1E+20; it is above 0, up to 1000000")]
    [InlineData("""{"planner": {"cem": {"initialStd": "NaN"}}}""",
        "planner.cem.initialStd is NaN; it is above 0, up to 1000000")]
    [InlineData("""{"planner": {"cem": {"candidates": 2000000000}}}""",
        "planner.cem.candidates is 2000000000; it is 2 to 1048576")]
    [InlineData("""{"planner": {"cem": {"elites": 301}}}""", "planner.cem.elites is 301; it is 2 to 300")]
    [InlineData("""{"planner": {"actionRepeat": 3}}""", "do not fill the model's action block of 10")]
    public void What_cannot_be_is_refused_by_key_and_range(string json, string mentions)
    {
        File.WriteAllText(temporary.Path, json);
        string message = Assert.Throws<BadFileException>(() => RunConfig.Read(temporary.Path)).Message;
        Assert.StartsWith(temporary.Path, message);
        Assert.Contains(mentions, message);
    }

    [Fact]
    public void What_is_written_is_read()
    {
        RunConfig.Demo.Write(temporary.Path);
        Assert.True(RunConfig.Read(temporary.Path).IsDemo);
    }
}
