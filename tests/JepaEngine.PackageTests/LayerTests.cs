using System.Text.RegularExpressions;

namespace JepaEngine.PackageTests;

/// <summary>The arrows of the design: between projects, and between the folders of the engine.</summary>
public sealed partial class LayerTests
{
    // Each folder uses only those before it.
    private static readonly string[] Engine =
        ["Primitives", "Memory", "Backends", "Devices", "Tensors", "Autograd", "Ops", "Nn", "Optim", "IO"];

    public static TheoryData<string> Folders => [.. Engine];

    [Theory]
    [MemberData(nameof(Folders))]
    public void AFolderOfTheEngineUsesOnlyThoseBeforeIt(string folder)
    {
        int own = Array.IndexOf(Engine, folder), seen = 0;
        foreach (string file in Repository.Sources(Path.Combine("src", "JepaEngine", folder)))
        {
            seen++;
            foreach (Match use in UsedFolder().Matches(File.ReadAllText(file)))
            {
                int used = Array.IndexOf(Engine, use.Groups["folder"].Value);
                Assert.True(used >= 0 && used <= own, $"{Path.GetRelativePath(Repository.Root, file)} uses {use.Groups["folder"].Value}, which stands after {folder}");
            }
        }
        Assert.True(seen > 0, $"src/JepaEngine/{folder} holds no source");
    }

    [Theory]
    [InlineData("JepaEngine.Cuda", new[] { "JepaEngine", "JepaEngine.Jepa", "JepaEngine.Cli" })]
    [InlineData("JepaEngine", new[] { "JepaEngine.Jepa", "JepaEngine.Cli" })]
    [InlineData("JepaEngine.Jepa", new[] { "JepaEngine.Cli" })]
    public void AProjectDoesNotReferToThoseAboveIt(string project, string[] above)
    {
        string text = Repository.Read(Path.Combine("src", project, $"{project}.csproj"));
        foreach (string other in above)
            Assert.DoesNotContain($"/{other}.csproj", text);
    }

    /// <summary>What is still LeWorldModel's alone: training, planning and what shows them, and the laboratory's cases.</summary>
    private static readonly string[] OfLeWorldModel = ["Benchmarking", "Planning", "Training", "LeWorldModelCheckpoint.cs", "Stages.cs", "ReportBuilder.cs",
        "DemoCommand.cs", "EvalCommand.cs", "PlanCommand.cs", "TrainCommand.cs"];

    [Fact]
    public void NothingOutsideModelsNamesAFamilyAndModelsUsesNothingAboveIt()
    {
        int models = 0, others = 0;
        foreach (string file in Repository.Sources("src").Where(file => !file.Split(Path.DirectorySeparatorChar).Intersect(OfLeWorldModel).Any()))
        {
            string code = Comment().Replace(File.ReadAllText(file), "");
            bool inModels = file.Contains(Path.Combine("JepaEngine.Jepa", "Models") + Path.DirectorySeparatorChar);
            Match fault = (inModels ? Above() : Family()).Match(code);
            Assert.False(fault.Success, $"{Path.GetRelativePath(Repository.Root, file)} names {fault.Value}");
            (models, others) = inModels ? (models + 1, others) : (models, others + 1);
        }
        Assert.True(models > 20 && others > 200, $"{models} and {others} files were read");
    }

    [Fact]
    public void SourceFilesStayShort()
    {
        int[] lengths = [.. Repository.Sources("src").Select(file => File.ReadLines(file).Count()).Order()];
        Assert.InRange(lengths[lengths.Length / 2], 1, 110);
        Assert.InRange(lengths[lengths.Length * 9 / 10], 1, 300);
        Assert.InRange(lengths[^1], 1, 600);
    }

    [GeneratedRegex("//.*")]
    private static partial Regex Comment();

    // The presets of Preprocess have the families' names.
    [GeneratedRegex(@"(?<!static Preprocess )\b(VJepa2Ac|VJepa21|VJepa2|VJepa|IJepa|LeWorldModel|LeWorldModelConfig)\b")]
    private static partial Regex Family();

    [GeneratedRegex(@"\bJepa\.(Checkpoints|Inference|Planning|Training|Benchmarking|Reporting)\b")]
    private static partial Regex Above();

    // JepaEngine.Cuda is the project below, not a folder.
    [GeneratedRegex(@"^using (?:static )?JepaEngine\.(?!Cuda\.)(?<folder>\w+)", RegexOptions.Multiline)]
    private static partial Regex UsedFolder();
}
