using JepaEngine.IO;
using JepaEngine.Jepa.Checkpoints;
using JepaEngine.Jepa.Inference;
using JepaEngine.Jepa.Models;
using JepaEngine.Memory;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Tests.Checkpoints;

/// <summary>Files as they are published, written by torch.save and save_pretrained, and what PyTorch computes from them (Fixtures/README.md).</summary>
public sealed class ModelFileTests : IDisposable
{
    /// <summary>Shapes do not tell how many heads these small models have.</summary>
    private static readonly LoadOptions TwoHeads = new() { Heads = 2, PredictorHeads = 2, ProbeHeads = 2 };

    private readonly TemporaryFile temporary = new();
    private readonly TensorScope scope = new(Device.Cpu, "test");

    public void Dispose()
    {
        scope.Dispose();
        temporary.Dispose();
    }

    [Theory]
    [InlineData("hf_vjepa2")]
    [InlineData("hf_vjepa2_sharded")]
    public void A_folder_of_VJepa2_gives_what_transformers_gives(string name)
    {
        using var golden = new Golden($"models/{name}.io");
        using JepaModel model = ModelFile.Load(Fixture(name), Device.Cpu);
        var outputs = Run(model, golden, ("pixel_values_videos", "input.video"), ("context_mask", "context_mask"), ("target_mask", "target_mask"));
        Golden.Close("last_hidden_state", golden["last_hidden_state"], outputs["last_hidden_state"], 2e-5);
        Golden.Close("predictor", golden["predictor"], outputs["predictor_last_hidden_state"], 2e-5);
        Assert.Equal(ModelLayout.HuggingFace, model.Origin!.Layout);
    }

    [Fact]
    public void A_folder_of_IJepa_in_f16_gives_what_transformers_gives()
    {
        using var golden = new Golden("models/hf_ijepa.io");
        using IJepa model = IJepa.Load(Fixture("hf_ijepa"), Device.Cpu);
        Golden.Close("last_hidden_state", golden["last_hidden_state"], Run(model, golden, ("pixel_values", "input.image"))["last_hidden_state"], 2e-5);
    }

    [Theory]
    [InlineData("encoder")]
    [InlineData("target_encoder")]
    public void Either_encoder_of_an_original_IJepa_can_be_chosen(string encoder)
    {
        using var golden = new Golden("models/ijepa.pth.tar.io");
        using IJepa model = IJepa.Load(Fixture("ijepa.pth.tar"), Device.Cpu, TwoHeads with { Encoder = encoder });
        Assert.Equal(encoder, model.Origin!.Encoder);
        Golden.Close(encoder, golden[encoder], Run(model, golden, ("pixel_values", "input.image"))["last_hidden_state"], 2e-5);
    }

    [Theory]
    [InlineData("encoder")]
    [InlineData("target_encoder")]
    public void Either_encoder_of_an_original_VJepa2_can_be_chosen(string encoder)
    {
        using var golden = new Golden("models/vjepa2.pt.io");
        using VJepa2 model = VJepa2.Load(Fixture("vjepa2.pt"), Device.Cpu, TwoHeads with { Encoder = encoder, ImageSize = 16 });
        Golden.Close(encoder, golden[encoder], Run(model, golden, ("pixel_values_videos", "input.video"))["last_hidden_state"], 2e-5);
        if (encoder == "target_encoder")
        {
            var outputs = Run(model, golden, ("pixel_values_videos", "input.video"), ("context_mask", "context_mask"), ("target_mask", "target_mask"));
            Golden.Close("predictor", golden["predictor"], outputs["predictor_last_hidden_state"], 2e-5);
        }
    }

    [Fact]
    public void The_papers_encoder_is_taken_where_none_is_named()
    {
        using JepaModel model = ModelFile.Load(Fixture("ijepa.pth.tar"), Device.Cpu, TwoHeads);
        Assert.Equal("target_encoder", model.Origin!.Encoder);
    }

    [Fact]
    public void A_probe_of_the_evaluations_stands_on_an_encoder()
    {
        using var golden = new Golden("models/probe.pt.io");
        LoadOptions options = TwoHeads with { ImageSize = 16, Encoder = "encoder", Probe = Fixture("probe.pt") };
        using VJepa2 model = VJepa2.Load(Fixture("vjepa2.pt"), Device.Cpu, options);
        Golden.Close("logits", golden["logits"], model.Probe!.Forward(golden.File.Read("input.tokens", scope))[0], 2e-5);

        // Meta's files of models have no place for it.
        IReadOnlyList<string> left = ModelWriter.Write(temporary.Path, model, ModelLayout.Original, DType.F32);
        Assert.NotEmpty(left);
        Assert.All(left, name => Assert.StartsWith("probe.", name));

        // It takes the place of a classifier that is there already, in either layout that has one.
        foreach (ModelLayout layout in (ReadOnlySpan<ModelLayout>)[ModelLayout.HuggingFace, ModelLayout.JepaEngine])
        {
            string path = Path.Combine(temporary.Folder, $"{layout}");
            ModelWriter.Write(path, model, layout, DType.F32);
            using VJepa2 again = VJepa2.Load(path, Device.Cpu, TwoHeads with { Probe = Fixture("probe.pt") });
            Golden.Close($"logits from {layout}", golden["logits"], again.Probe!.Forward(golden.File.Read("input.tokens", scope))[0], 2e-5);
        }
    }

    /// <summary>A state dict that somebody saved by itself, with the wrappers of training or without.</summary>
    [Theory]
    [InlineData("")]
    [InlineData("module.")]
    [InlineData("module.backbone.")]
    [InlineData("target_encoder.backbone.")]
    public void Wrappers_around_an_encoder_are_seen_through(string prefix)
    {
        using var golden = new Golden("models/vjepa2.pt.io");
        const string wrapped = "target_encoder.module.backbone.";
        using (TensorFile file = TensorFile.Open(Fixture("vjepa2.pt")))
            Safetensors.Write(temporary.Path, [.. file.Entries.Keys.Where(key => key.StartsWith(wrapped, StringComparison.Ordinal))
                .Select(key => (prefix + key[wrapped.Length..], file.Read(key, scope)))]);
        using JepaModel model = ModelFile.Load(temporary.Path, Device.Cpu, TwoHeads with { Family = VJepa2.Family, ImageSize = 16 });
        Assert.Equal(prefix.StartsWith("target", StringComparison.Ordinal) ? "target_encoder" : null, model.Origin!.Encoder);
        Golden.Close("tokens", golden["target_encoder"], Run(model, golden, ("pixel_values_videos", "input.video"))["last_hidden_state"], 2e-5);
    }

    /// <summary>V-JEPA 2 reads no table of positions, but one of 18432 tells that the model was trained at 384 pixels; any other says nothing.</summary>
    [Theory]
    [InlineData(0, 256)]
    [InlineData(2048, 256)]
    [InlineData(8192, 256)]
    [InlineData(18432, 384)]
    public void An_idle_table_of_positions_tells_the_released_sizes_apart(int tokens, int imageSize)
    {
        using (var model = new VJepa2(VJepa2.Large256 with { Encoder = new VitSize(24, 1, 2, 24), Predictor = new VitSize(24, 1, 2, 24), TargetWidth = 24 }))
        {
            model.Allocate(Device.Cpu);
            ModelWriter.Write(temporary.Path, model, ModelLayout.Original, DType.F32);
        }
        if (tokens > 0)
        {
            using TensorFile file = TensorFile.Open(temporary.Path);
            Safetensors.Write(temporary.Path, [.. file.Entries.Keys.Select(key => (key, file.Read(key, scope))), ("encoder.pos_embed", scope.Zeros([1, tokens, 24]))]);
        }
        using ModelFile opened = ModelFile.Open(temporary.Path, TwoHeads);
        Assert.Equal(VJepa2.Family, opened.Config.Family);
        Assert.Equal(imageSize, opened.Config.ImageSize);
        Assert.True(opened.Check().Passed, $"{opened.Check()}");
    }

    [Fact]
    public void What_shapes_do_not_tell_is_asked_for()
    {
        Assert.Contains("no released model is 24 wide, and shapes do not tell the number of heads; say it (--heads)",
            Refused(() => ModelFile.Open(Fixture("ijepa.pth.tar"))));
        Assert.Contains("it has no ema_encoder; it has encoder and target_encoder",
            Refused(() => ModelFile.Open(Fixture("ijepa.pth.tar"), TwoHeads with { Encoder = "ema_encoder" })));
        Assert.Contains("does not divide into 5 heads", Refused(() => ModelFile.Open(Fixture("ijepa.pth.tar"), TwoHeads with { Heads = 5 })));
        Assert.Contains("it holds I-JEPA, not VJepa2", Refused(() => VJepa2.Load(Fixture("ijepa.pth.tar"), Device.Cpu, TwoHeads)));
        Assert.Contains("no patch embedding of Meta's", Refused(() => ModelFile.Open(Fixture("probe.pt"))));
        Assert.Contains("it has no 'pooler.query_tokens'",
            Refused(() => ModelFile.Open(Fixture("ijepa.pth.tar"), TwoHeads with { Probe = Fixture("ijepa.pth.tar") })));
    }

    [Fact]
    public void All_differences_are_named_at_once()
    {
        using TensorFile file = TensorFile.Open(Path.Combine(Fixture("hf_vjepa2"), "model.safetensors"));
        List<(string Name, Tensor Tensor)> tensors = [.. file.Entries.Keys.Select(key => (key, file.Read(key, scope)))];
        tensors.RemoveAll(t => t.Name == "encoder.layernorm.bias");
        tensors.Add(("encoder.layernorm.bais", scope.Zeros([32])));
        int fc1 = tensors.FindIndex(t => t.Name == "encoder.layer.0.mlp.fc1.weight");
        tensors[fc1] = (tensors[fc1].Name, scope.Zeros([32, 128]));
        Safetensors.Write(Path.Combine(temporary.Folder, "model.safetensors"), tensors);
        File.Copy(Path.Combine(Fixture("hf_vjepa2"), "config.json"), Path.Combine(temporary.Folder, "config.json"));
        string message = Refused(() => ModelFile.Load(temporary.Folder, Device.Cpu));
        Assert.Contains("1 missing: encoder.layernorm.bias (nearest is encoder.layernorm.bais)", message);
        Assert.Contains("1 do not fit: encoder.layer.0.mlp.fc1.weight is [32, 128], not [128, 32]", message);
        Assert.Contains("1 too many: encoder.layernorm.bais", message);
    }

    [Theory]
    [InlineData("hf_vjepa2", ModelLayout.Original)]
    [InlineData("hf_vjepa2", ModelLayout.JepaEngine)]
    [InlineData("hf_vjepa2", ModelLayout.HuggingFace)]
    [InlineData("ijepa.pth.tar", ModelLayout.Original)]
    [InlineData("ijepa.pth.tar", ModelLayout.JepaEngine)]
    public void A_model_comes_back_from_every_layout(string name, ModelLayout layout)
    {
        LoadOptions options = TwoHeads with { ImageSize = name == "hf_vjepa2" ? 24 : null };
        using JepaModel model = ModelFile.Load(Fixture(name), Device.Cpu, options);
        string path = Path.Combine(temporary.Folder, "model");
        Assert.Empty(ModelWriter.Write(path, model, layout, DType.F32));
        using JepaModel back = ModelFile.Load(path, Device.Cpu, options);
        Assert.Equal(layout, back.Origin!.Layout);
        Assert.Equal(model.Parameters().Select(p => p.Name), back.Parameters().Select(p => p.Name));
        foreach (var ((key, expected), (_, actual)) in model.Parameters().Zip(back.Parameters()))
            Assert.True(expected.Value.ToArray<float>().SequenceEqual(actual.Value.ToArray<float>()), key);
    }

    [Fact]
    public void Hugging_Face_has_no_place_for_the_predictor_of_IJepa()
    {
        using JepaModel model = ModelFile.Load(Fixture("ijepa.pth.tar"), Device.Cpu, TwoHeads);
        IReadOnlyList<string> left = ModelWriter.Write(temporary.Path, model, ModelLayout.HuggingFace, DType.F32);
        Assert.NotEmpty(left);
        Assert.All(left, name => Assert.StartsWith("predictor.", name));
        using JepaModel back = ModelFile.Load(temporary.Path, Device.Cpu);
        Assert.Null(((IJepa)back).Predictor);
    }

    [Theory]
    [InlineData(DType.BF16, 8e-3)]
    [InlineData(DType.F16, 1e-3)]
    public void Half_the_bytes_round_each_weight_once(DType dtype, double relative)
    {
        using JepaModel model = ModelFile.Load(Fixture("hf_vjepa2"), Device.Cpu);
        ModelWriter.Write(temporary.Path, model, ModelLayout.JepaEngine, dtype);
        using TensorFile file = TensorFile.Open(temporary.Path);
        Assert.All(file.Entries.Values, entry => Assert.Equal(dtype, entry.DType));
        using JepaModel back = ModelFile.Load(temporary.Path, Device.Cpu);
        foreach (var ((_, expected), (_, actual)) in model.Parameters().Zip(back.Parameters()))
            foreach ((float x, float y) in expected.Value.ToArray<float>().Zip(actual.Value.ToArray<float>()))
                Assert.InRange(y, x - relative / 2 * Math.Abs(x) - 1e-7, x + relative / 2 * Math.Abs(x) + 1e-7);
    }

    private Dictionary<string, Tensor> Run(JepaModel model, Golden golden, params (string Name, string Fixture)[] inputs) => model.Run(inputs.ToDictionary(i => i.Name, i => golden.File.Read(i.Fixture, scope)))
        .ToDictionary(output => output.Name, output => output.Tensor);

    private static string Fixture(string name) => Path.Combine(AppContext.BaseDirectory, "Fixtures", "models", name);

    private static string Refused(Action open) => Assert.Throws<BadFileException>(open).Message;
}
