using System.Text.Json.Nodes;
using JepaEngine.IO;
using JepaEngine.Jepa.Checkpoints;
using JepaEngine.Jepa.Models;
using JepaEngine.Memory;
using JepaEngine.Primitives;
using JepaEngine.Tensors;
using JepaEngine.Tests.IO;

namespace JepaEngine.Tests.Checkpoints;

/// <summary>Configurations and weights that do not belong together, group C of the hostile inputs: each is refused in one line before it is used.</summary>
public sealed class BadModelTests : IDisposable
{
    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "Fixtures", "models", "hf_vjepa2");

    private readonly TemporaryFile temporary = new();
    private readonly TensorScope scope = new(Device.Cpu, "test");

    public void Dispose()
    {
        scope.Dispose();
        temporary.Dispose();
    }

    [Theory]
    [InlineData("hidden_size", "\"wide\"", "hidden_size is \"wide\"; it is a whole number of 1 or more")]
    [InlineData("hidden_size", "-32", "hidden_size is -32; it is a whole number of 1 or more")]
    [InlineData("hidden_size", "1e300", "hidden_size is 1e300; it is a whole number of 1 or more")]
    [InlineData("hidden_size", "2000000000", "encoder.width is 2000000000; it is 1 to 65536")]
    [InlineData("num_hidden_layers", "3.5", "num_hidden_layers is 3.5; it is a whole number of 1 or more")]
    [InlineData("num_hidden_layers", "100000", "encoder.depth is 100000; it is 1 to 1024")]
    [InlineData("num_hidden_layers", "2", "16 missing: encoder.layer.1.")]
    [InlineData("num_hidden_layers", "1000", "its configuration is of an encoder 32 wide, 1000 blocks")]
    [InlineData("hidden_size", "65536", "its configuration is of an encoder 65536 wide, 1 block")]
    [InlineData("mlp_ratio", "0", "mlp_ratio is 0; it is a number above 0")]
    [InlineData("layer_norm_eps", "5", "epsilon is 5; it is above 0, up to 1")]
    [InlineData("num_attention_heads", "0", "num_attention_heads is 0; it is a whole number of 1 or more")]
    [InlineData("num_attention_heads", "5", "encoder.width 32 does not divide into 5 heads")]
    [InlineData("num_attention_heads", "32", "encoder: heads of 1 are odd")]
    [InlineData("crop_size", "33", "imageSize 33 is no multiple of patch 8")]
    [InlineData("frames_per_clip", "5", "frames 5 is no multiple of tubelet 2")]
    [InlineData("hidden_act", "\"relu\"", "hidden_act is 'relu'")]
    [InlineData("qkv_bias", "false", "qkv_bias is false")]
    [InlineData("in_chans", "4", "in_chans is 4; only 3 is known")]
    [InlineData("model_type", "\"bert\"", "model_type is 'bert'; vjepa2 and ijepa are read")]
    public void A_configuration_that_cannot_be_is_refused(string key, string value, string message)
    {
        JsonObject config = Config();
        config[key] = JsonNode.Parse(value);
        Assert.Contains(message, Refused(config.ToJsonString()));
    }

    /// <summary>Names that look like those that are missing, and names of nothing but wrappers.</summary>
    [Theory]
    [InlineData("aaaaaa", "xxxxxxxxxx", " missing: ")]
    [InlineData("", "model.net.", "5000 too many: ")]
    public void Many_long_names_are_compared_in_a_moment(string before, string filling, string message)
    {
        string path = Path.Combine(temporary.Folder, "named");
        using (TensorFile file = TensorFile.Open(Path.Combine(Folder, "model.safetensors")))
        {
            Tensor none = scope.Zeros([0]);
            string filled = string.Concat(Enumerable.Repeat(filling, 99));
            Safetensors.Write(path, [.. file.Entries.Keys.Select(name => (before + name, file.Read(name, scope))),
                .. Enumerable.Range(0, 5000).Select(i => ($"{filled}{i:D5}", none))]);
        }
        File.Copy(Path.Combine(Folder, "config.json"), Path.Combine(temporary.Folder, "config.json"));
        byte[] bytes = File.ReadAllBytes(path);
        File.Delete(path);
        BadFileException? refusal = Hostile.Case(filling, temporary, bytes, (weights, _) =>
        {
            ModelFile model = ModelFile.Open(weights);
            model.Check().Require(weights);
            return model.File;
        });
        Assert.Contains(message, refusal!.Message);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{\"model_type\": NaN}")]
    [InlineData("{\"model_type\": \"vjepa2\"")]
    [InlineData("{\"model_type\": \"\\ud800\"}")]
    [InlineData("{\"model_type\": \"vjepa2\", \"\\ud800\": 1}")]
    public void What_is_no_configuration_is_refused(string json) => Assert.Contains("config.json", Refused(json));

    [Fact]
    public void A_configuration_that_is_no_UTF_8_is_refused()
    {
        Refused("");
        string config = Path.Combine(temporary.Folder, "config.json");
        File.WriteAllBytes(config, [.. "{\"model_type\": \"vjepa2"u8, 0xFF, .. "\"}"u8]);
        Assert.Contains(config, Assert.Throws<BadFileException>(() => ModelFile.Load(temporary.Folder, Device.Cpu)).Message);
    }

    [Fact]
    public void A_configuration_nested_without_end_is_refused() =>
        Assert.Contains("config.json", Refused(string.Concat(Enumerable.Repeat("{\"a\":", 10_000)) + "1" + new string('}', 10_000)));

    /// <summary>The folder's own processor says what its pictures are normalised by.</summary>
    [Fact]
    public void A_processor_beside_the_weights_is_followed()
    {
        string folder = Path.Combine(Folder, "..", "hf_ijepa"), processor = Path.Combine(temporary.Folder, "preprocessor_config.json");
        foreach (string name in new[] { "config.json", "model.safetensors" })
            File.Copy(Path.Combine(folder, name), Path.Combine(temporary.Folder, name));
        using (ModelFile file = ModelFile.Open(temporary.Folder))
            Assert.Equal([0.5f, 0.5f, 0.5f], file.Config.PixelMean);
        File.WriteAllText(processor, """{"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225], "do_resize": true}""");
        using (ModelFile file = ModelFile.Open(temporary.Folder))
        {
            Assert.Equal([0.485f, 0.456f, 0.406f], file.Config.PixelMean);
            Assert.Equal([0.229f, 0.224f, 0.225f], file.Config.PixelStd);
        }
        File.WriteAllText(processor, """{"image_mean": [0.485]}""");
        Assert.Contains("image_mean is no list of three numbers", Assert.Throws<BadFileException>(() => ModelFile.Open(temporary.Folder)).Message);
    }

    /// <summary>A head that is promised is there, or the file is refused when it is loaded, not when it is used.</summary>
    [Fact]
    public void A_classifier_that_is_promised_and_absent_is_refused()
    {
        JsonObject config = Config();
        config["architectures"] = new JsonArray("VJEPA2ForVideoClassification");
        Assert.Contains("promises a classifier", Refused(config.ToJsonString()));
    }

    [Fact]
    public void Pixels_that_do_not_divide_and_other_kinds_of_input_are_refused()
    {
        using JepaModel clips = ModelFile.Load(Folder, Device.Cpu), pictures = ModelFile.Load(Path.Combine(Folder, "..", "hf_ijepa"), Device.Cpu);
        Assert.Contains("30 x 24 pixels do not divide into patches of 8; resize or crop to 24 x 24", Message(clips, [1, 4, 3, 24, 30]));
        Assert.Contains("3 frames do not divide into tubelets of 2; drop or repeat the last frame", Message(clips, [1, 3, 3, 24, 24]));
        Assert.Contains("V-JEPA 2 sees clips [B, T, C, H, W], not [1, 3, 24, 24]", Message(clips, [1, 3, 24, 24]));
        Assert.Contains("I-JEPA sees pictures [B, C, H, W], not [1, 4, 3, 32, 32]; a clip needs a V-JEPA", Message(pictures, [1, 4, 3, 32, 32]));
    }

    /// <summary>A file of ours knows what its weights gave: with other heads, or V-JEPA 2.1's rotary positions, all shapes fit and the features do not.</summary>
    [Fact]
    public void Weights_under_anothers_configuration_are_refused()
    {
        using (JepaModel model = ModelFile.Load(Folder, Device.Cpu))
            ModelWriter.Write(temporary.Path, model, ModelLayout.JepaEngine, DType.BF16);
        ModelFile.Load(temporary.Path, Device.Cpu).Dispose();
        string heads = Tampered("\"encoder\":{\"width\":32,\"depth\":1,\"heads\":2", "\"encoder\":{\"width\":32,\"depth\":1,\"heads\":4");
        Assert.Contains("its weights give other features than they did when it was written", Assert.Throws<BadFileException>(() => ModelFile.Load(heads, Device.Cpu)).Message);
        string later = Tampered("\"jepa_format\":\"1\"", "\"jepa_format\":\"2\"");
        Assert.Contains("its format is of version 2, this engine reads 1; a newer engine wrote it",
            Assert.Throws<BadFileException>(() => ModelFile.Load(later, Device.Cpu)).Message);
        string unknown = Tampered("\\u0022maskTokens\\u0022", "\\u0022maskTokers\\u0022");
        Assert.Contains("maskTokers", Assert.Throws<BadFileException>(() => ModelFile.Load(unknown, Device.Cpu)).Message);
    }

    [Fact]
    public void Actions_of_another_robot_are_refused_before_anything_is_imagined()
    {
        using var model = new VJepa2Ac(new JepaConfig
        {
            Family = VJepa2Ac.Family,
            Encoder = new VitSize(16, 1, 2, 32),
            Predictor = new VitSize(16, 1, 2, 32),
            ImageSize = 32,
            TargetWidth = 16,
        });
        model.Allocate(Device.Cpu);
        Tensor frames = scope.Zeros([1, 2, 4, 16]), actions = scope.Zeros([1, 2, 6]);
        Assert.Contains("are not [B, T, N, D] and twice [B, T, 7]", Assert.Throws<ArgumentException>(() => model.Predictor.Forward(frames, actions, actions)).Message);
    }

    /// <summary>JEPA_FUZZ_CASES sets the number of cases; see FuzzTests.</summary>
    [Fact]
    public void A_damaged_configuration_is_read_or_refused()
    {
        byte[] sound = File.ReadAllBytes(Path.Combine(Folder, "config.json")), other = File.ReadAllBytes(Path.Combine(Folder, "..", "hf_ijepa", "config.json"));
        using TensorFile weights = TensorFile.Open(Path.Combine(Folder, "model.safetensors"));
        int refused = 0, cases = Mutation.Cases(500);
        for (int seed = 0; seed < cases; seed++)
        {
            File.WriteAllBytes(temporary.Path, new Mutation(seed).Apply(sound, other));
            try
            {
                HuggingFaceConfig json = HuggingFaceConfig.Open(temporary.Path);
                MetaFamily family = JepaFamilies.All.OfType<MetaFamily>().FirstOrDefault(family => family.HuggingFaceType == json.Type)
                    ?? throw json.Refused("it is of no family");
                family.Read(json, weights);
            }
            catch (BadFileException error)
            {
                refused++;
                Assert.False(error.Message.Any(char.IsControl), $"seed {seed}: {error.Message}");
            }
            catch (Exception error)
            {
                Assert.Fail($"seed {seed}: {error}");
            }
        }
        Assert.InRange(refused, cases / 20, cases - 1);
    }

    private static JsonObject Config() => JsonNode.Parse(File.ReadAllText(Path.Combine(Folder, "config.json")))!.AsObject();

    private string Refused(string config)
    {
        File.Copy(Path.Combine(Folder, "model.safetensors"), Path.Combine(temporary.Folder, "model.safetensors"), overwrite: true);
        File.WriteAllText(Path.Combine(temporary.Folder, "config.json"), config);
        string message = Assert.Throws<BadFileException>(() => ModelFile.Load(temporary.Folder, Device.Cpu)).Message;
        Assert.DoesNotContain('\n', message);
        return message;
    }

    private string Message(JepaModel model, Shape pixels) => Assert.Throws<ArgumentException>(() => model.Encode(scope.Zeros(pixels))).Message;

    /// <summary>The written file with a text of its header replaced by one of the same length.</summary>
    private string Tampered(string text, string by)
    {
        string escaped = text.Contains('\\') ? text : text.Replace("\"", "\\u0022");
        string with = by.Contains('\\') ? by : by.Replace("\"", "\\u0022");
        byte[] bytes = File.ReadAllBytes(temporary.Path);
        string all = System.Text.Encoding.Latin1.GetString(bytes);
        if (!all.Contains(escaped))
            (escaped, with) = (text, by);
        Assert.Contains(escaped, all);
        string path = temporary.Path + ".tampered";
        File.WriteAllBytes(path, System.Text.Encoding.Latin1.GetBytes(all.Replace(escaped, with)));
        return path;
    }
}
