using JepaEngine.IO;
using JepaEngine.Jepa.Checkpoints;
using JepaEngine.Jepa.Inference;
using JepaEngine.Jepa.Models;
using JepaEngine.Primitives;
using static JepaEngine.PackageTests.JepaProcess;
using static JepaEngine.PackageTests.ModelFixture;

namespace JepaEngine.PackageTests;

/// <summary>Each family, small, with random weights: the command and the library give one answer.</summary>
public sealed class FamilyCommandTests : IDisposable
{
    private static readonly VitSize Blocks = new(32, 2, 2, 64);

    private static readonly IModelConfig[] Small =
    [
        Clips(IJepa.Family) with { Frames = 1, Tubelet = 1 },
        Clips(VJepa.Family),
        Clips(VJepa2.Family),
        Clips(VJepa21.Family) with { Levels = [0, 1], TargetWidth = 64, PredictsFromLevels = true },
        Clips(VJepa2Ac.Family),
        LeWorldModelConfig.Demo with { ImageSize = 28, EncoderWidth = 36, EncoderDepth = 2 },
    ];

    private readonly string folder = Directory.CreateTempSubdirectory("jepa-families").FullName;

    public static TheoryData<string, int> Cases => [.. Small.SelectMany(config => config.Family.Sight switch
    {
        Sight.Picture => [1],
        Sight.WholeClips => [4],
        _ => (int[])[1, 4],
    }, (config, frames) => (config.Family.Id, frames))];

    public void Dispose() => Directory.Delete(folder, recursive: true);

    /// <summary>Bit for bit, for one frame and for several.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void EncodeWritesWhatASessionGives(string id, int frames)
    {
        string path = Written(id), picture = WritePicture(folder), features = Path.Combine(folder, "features.npy");
        string[] encode = ["encode", path, picture, "--out", features];
        Works(frames == 1 ? encode : [.. encode, "--frames", $"{frames}"]);
        using JepaModel model = ModelFile.Load(path, Device.Cpu);
        using var session = new JepaSession(model);
        EncodedTokens expected = session.Encode([.. Enumerable.Repeat(Drawn(60, 44), frames)]);
        Assert.Equal(expected.Grid.Count * expected.Width, expected.Values.Length);
        Assert.Equal(Array.ConvertAll(expected.Values.ToArray(), value => (double)value), Numbers(features, "tensor"));
    }

    /// <summary>There and back, through this engine's file; what each family has of other layouts ModelFileTests hold.</summary>
    [Theory]
    [InlineData("ijepa")]
    [InlineData("lewm")]
    public void ConvertKeepsEveryNumber(string id)
    {
        string path = Written(id), to = Path.Combine(folder, "half.safetensors"), original = Path.Combine(folder, "original.safetensors");
        Works("convert", path, to, "--layout", "jepa");
        Works("convert", path, original, "--layout", "original");
        using TensorFile first = TensorFile.Open(path);
        Assert.All(first.Entries.Keys, key => Assert.Equal(Numbers(path, key), Numbers(to, key)));
        using TensorFile theirs = TensorFile.Open(original);
        Assert.Equal(first.Entries.Values.Sum(entry => entry.Shape.Count), theirs.Entries.Values.Sum(entry => entry.Shape.Count));
    }

    [Fact]
    public void ALeWorldModelHasNoClassifierAndNoLayoutOfTransformers()
    {
        string path = Written("lewm"), picture = WritePicture(folder);
        Assert.Contains("it has no classifier", Fails(3, "classify", path, picture));
        Assert.Contains("transformers has no LeWorldModel", Fails(2, "convert", path, Path.Combine(folder, "hf"), "--layout", "hf"));
        Assert.Contains("not [1, 3, 42, 42]; resize them", Fails(2, "encode", path, picture, "--size", "42", "--out", Path.Combine(folder, "f.npy")));
        Assert.Contains("to encode 1 frame, 4 tokens", Works("inspect", path));
    }

    [Fact]
    public void TheHelpNamesEveryFamily()
    {
        string help = string.Join(' ', Works("encode", "--help").Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        Assert.Contains(string.Join(", ", Small.Select(config => config.Family.Id)), help);
    }

    private static JepaConfig Clips(JepaFamily family) => new()
    {
        Family = family, Encoder = Blocks, Predictor = Blocks, ImageSize = 32, Patch = 8, Frames = 4, TargetWidth = 32,
    };

    private string Written(string id)
    {
        string path = Path.Combine(folder, "model.safetensors");
        using JepaModel model = JepaModel.Create(Small.Single(config => config.Family.Id == id));
        model.Allocate(Device.Cpu, seed: 1);
        ModelWriter.Write(path, model, ModelLayout.JepaEngine, DType.F32);
        return path;
    }
}
