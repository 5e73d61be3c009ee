using JepaEngine.IO;
using JepaEngine.Jepa.Checkpoints;
using JepaEngine.Jepa.Data;
using JepaEngine.Jepa.Environments;
using JepaEngine.Jepa.Inference;
using JepaEngine.Jepa.Models;
using JepaEngine.Jepa.Planning;
using JepaEngine.Jepa.Training;
using JepaEngine.Primitives;

namespace JepaEngine.PackageTests;

/// <summary>The README's example is this file's: it compiles, runs and stands there letter by letter.</summary>
public sealed class ReadmeTests
{
    [Fact]
    public void TheExampleRuns()
    {
#pragma warning disable xUnit1051 // The example is what a reader writes; nobody cancels it.
        #region README
        string path = Path.Combine(Path.GetTempPath(), "episodes.jepa");
        var world = new TwoRoom(56);    // or an IEnvironment of your own
        EpisodeRecorder.Record(path, world, random => new HeldRandomPolicy(world, random), episodes: 1000, steps: 60, new PhiloxKey(0));

        using EpisodeFile episodes = EpisodeFile.Open(path);
        using var model = new LeWorldModel(LeWorldModelConfig.Demo);
        model.Allocate(Device.Cpu, seed: 0);
        var options = TrainOptions.Demo with { Steps = 30 };    // 400 for a model that plans well
        var sampler = new WindowSampler(episodes, world, options.Frames, options.FrameSkip);
        using var trainer = new Trainer(new LeWorldModelRecipe(model, sampler, options));
        trainer.Run(step => Console.WriteLine(step));

        var episodesToPlay = new ClosedLoopOptions { Episodes = 4, Budget = 100 };
        EpisodeResult[] results = ClosedLoop.Play(
            new LeWorldModelAdaptor(model), LatentPlannerOptions.Demo, () => new TwoRoom(56), episodesToPlay);
        Console.WriteLine($"{results.Count(result => result.Success)} of {results.Length} goals reached");
        #endregion
#pragma warning restore xUnit1051
        File.Delete(path);

        Assert.Equal(30, trainer.Step);
        Assert.Equal(4, results.Length);
        Assert.All(results, result => Assert.InRange(result.Steps, 1, 100));
    }

    [Fact]
    public void TheExampleOfAPublishedModelRuns()
    {
        string folder = Path.Combine(Repository.Root, "tests/JepaEngine.Tests/Fixtures/models/hf_vjepa2");
        string first = Path.Combine(Repository.Root, "docs/images/report.png"), second = first;

        #region README: published
        using VJepa2 model = VJepa2.Load(folder, Device.Cpu);    // a Hugging Face folder, or Meta's own vitl.pt
        using var session = new JepaSession(model);              // one a thread; the model is shared

        EncodedTokens tokens = session.Encode(Png.Read(first), Png.Read(second));
        Console.WriteLine($"{tokens.Grid} of {tokens.Width} features each, from {model.Origin!.Path}");
        ReadOnlySpan<float> corner = tokens[0];                  // the features of the first patch
        #endregion

        Assert.Equal(new TokenGrid(1, 3, 3), tokens.Grid);
        Assert.Equal(32, corner.Length);
        // The final LayerNorm of a random model: features of order one, and not all the same.
        Assert.InRange(corner.ToArray().Max() - corner.ToArray().Min(), 0.1, 100);
    }

    [Theory]
    [InlineData("README")]
    [InlineData("README: published")]
    public void TheReadmeHoldsTheExample(string name)
    {
        string source = Repository.Read("tests/JepaEngine.PackageTests/ReadmeTests.cs"), opening = $"#region {name}\n";
        int start = source.IndexOf(opening, StringComparison.Ordinal) + opening.Length;
        string region = source[start..source.IndexOf("        #endregion", start, StringComparison.Ordinal)];
        string example = string.Join('\n', region.TrimEnd().Split('\n').Select(line => line.Length > 8 ? line[8..] : line.TrimStart()));
        Assert.Contains($"```csharp\n{example}\n```", Repository.Read("README.md"));
    }

    [Theory]
    [InlineData("dotnet run -c Release --project src/JepaEngine.Cli -- demo")]
    [InlineData("dotnet test -c Release")]
    public void TheReadmeHoldsTheTwoCommands(string command) => Assert.Contains(command, Repository.Read("README.md"));
}
