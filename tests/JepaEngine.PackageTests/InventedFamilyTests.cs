using System.Reflection;
using JepaEngine.IO;
using JepaEngine.Jepa.Checkpoints;
using JepaEngine.Jepa.Inference;
using JepaEngine.Jepa.Models;
using JepaEngine.Memory;
using JepaEngine.Nn;
using JepaEngine.Ops;
using JepaEngine.Primitives;
using JepaEngine.Tensors;
using static JepaEngine.PackageTests.ModelFixture;

namespace JepaEngine.PackageTests;

/// <summary>A family that nobody has published, in this one file and by public members alone: all that takes a model takes it.</summary>
public sealed class InventedFamilyTests : IDisposable
{
    private static readonly MosaicFamily Mosaics = new();

    private readonly string folder = Directory.CreateTempSubdirectory("jepa-mosaic").FullName;

    static InventedFamilyTests() => JepaFamilies.Add(Mosaics);

    private string Weights => Path.Combine(folder, "tiles.safetensors");

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void ItLoadsRunsAndIsEncodedInASession()
    {
        WriteWeights();
        using Mosaic model = Mosaic.Load(Weights, Device.Cpu);
        Assert.Equal(ModelLayout.Original, model.Origin!.Layout);
        using var scope = new TensorScope(Device.Cpu, "mosaic");
        Tensor pixels = scope.RandomNormal([2, 3, 16, 16], new PhiloxKey(3));
        (string name, Tensor tokens) = Assert.Single(model.Run(new Dictionary<string, Tensor> { ["pixel_values"] = pixels }));
        Assert.Equal("last_hidden_state", name);
        Assert.Equal([2, 16, 8], tokens.Shape.ToArray());
        // A LayerNorm of scale 1 and shift 0 is the last thing that happens.
        Assert.All(tokens.ToArray<double>().Chunk(8), token => Assert.Equal(0, token.Sum(), 1e-5));
        using var session = new JepaSession(model);
        Assert.Equal(new TokenGrid(1, 4, 4), session.Encode(Drawn(60, 44)).Grid);
        long planned = MemoryPlan.Activations(model.Config, 1, 16);
        Assert.True(planned > 16 * sizeof(float) * (9 * 8 + 16));
        using var poor = new JepaSession(model) { MemoryLimit = planned - 1 };
        Assert.Contains("of activations", Assert.Throws<MemoryRefusedException>(() => poor.Encode(Drawn(60, 44))).Message);
    }

    [Fact]
    public void TheCommandsTakeIt()
    {
        WriteWeights();
        string own = Path.Combine(folder, "own.safetensors"), features = Path.Combine(folder, "features.npy");
        Assert.Contains("mosaic", Jepa("encode", "--help"));
        Jepa("convert", Weights, own, "--layout", "jepa");
        foreach (string path in new[] { Weights, own })
        {
            string facts = Jepa("inspect", path);
            Assert.Contains("Mosaic of 16 pixels", facts);
            Assert.Contains("to encode a picture, 16 tokens", facts);
            Jepa("encode", path, WritePicture(folder), "--out", features);
            using JepaModel model = ModelFile.Load(path, Device.Cpu);
            using var session = new JepaSession(model);
            Assert.Equal(Array.ConvertAll(session.Encode(Drawn(60, 44)).Values.ToArray(), value => (double)value), Numbers(features, "tensor"));
        }
        // The file of this engine holds the family's id, and weights that give what they gave.
        using TensorFile file = TensorFile.Open(own);
        Assert.Contains("\"mosaic\"", file.Metadata["jepa_config"]);
    }

    [Fact]
    public void AnIdIsTakenOnce() =>
        Assert.Contains("there is a family 'mosaic' already", Assert.Throws<ArgumentException>(() => JepaFamilies.Add(new MosaicFamily())).Message);

    private void WriteWeights()
    {
        using var scope = new TensorScope(Device.Cpu, "weights");
        Safetensors.Write(Weights, [("tiles.proj.weight", scope.RandomNormal([8, 3, 4, 4], new PhiloxKey(1))), ("tiles.proj.bias", scope.Zeros([8])),
            ("tiles.norm.weight", scope.Full([8], 1)), ("tiles.norm.bias", scope.Zeros([8]))]);
    }

    /// <summary>The command in this process, which knows the family.</summary>
    private static string Jepa(params string[] arguments)
    {
        TextWriter before = Console.Out;
        using var text = new StringWriter();
        Console.SetOut(text);
        try
        {
            Assert.Equal(0, Assembly.Load("jepa").EntryPoint!.Invoke(null, [arguments]));
            return text.ToString();
        }
        finally
        {
            Console.SetOut(before);
        }
    }

    /// <summary>Patches, each by itself, and a LayerNorm.</summary>
    private sealed class Mosaic : JepaModel
    {
        private readonly PatchEmbed tiles;
        private readonly LayerNorm norm;

        public Mosaic(JepaConfig config) : base(config)
        {
            Config = config;
            tiles = Child("tiles", new PatchEmbed(3, config.Patch, config.Encoder.Width));
            norm = Child("norm", new LayerNorm(config.Encoder.Width, config.Epsilon));
        }

        public override JepaConfig Config { get; }

        public override Tensor Encode(Tensor pixels, Tensor? visible = null, Action<int, Tensor>? observe = null) =>
            norm.Forward(tiles.Forward(pixels, pixels.DType == DType.U8 ? Config.PixelTransform : null, visible));
    }

    private sealed class MosaicFamily() : JepaFamily("Mosaic", "mosaic", Sight.Picture)
    {
        private static readonly KeyMap Tiles = new([("tiles", "tiles.proj"), ("norm", "tiles.norm")]);

        private JepaConfig Only => new()
        {
            Family = this, Encoder = new VitSize(8, 1, 1, 16), ImageSize = 16, Patch = 4, Frames = 1, Tubelet = 1,
        };

        public override IReadOnlyList<(string Name, IModelConfig Config)> Released => [("Mosaic of 16 pixels", Only)];

        public override string? ReleasedName(IModelConfig config) => config.ImageSize == 16 ? Released[0].Name : null;

        public override JepaModel Create(IModelConfig config) => new Mosaic((JepaConfig)config);

        public override bool Recognises(TensorFile file, LoadOptions options) =>
            base.Recognises(file, options) || file.Entries.ContainsKey("tiles.proj.weight");

        public override ModelContents Read(TensorFile file, LoadOptions options) =>
            base.Recognises(file, options) ? base.Read(file, options) : new ModelContents(ModelLayout.Original, Only, Tiles);
    }
}
