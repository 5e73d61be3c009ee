using System.Text.Json;
using JepaEngine.Autograd;
using JepaEngine.IO;
using JepaEngine.Jepa.Checkpoints;
using JepaEngine.Jepa.Models;
using JepaEngine.Jepa.Runs;
using JepaEngine.Memory;
using JepaEngine.Ops;
using JepaEngine.Optim;
using JepaEngine.Primitives;
using JepaEngine.Tensors;
using JepaEngine.Tests.Models;

namespace JepaEngine.Tests.Checkpoints;

public sealed class LeWorldModelCheckpointTests : IDisposable
{
    private static readonly LeWorldModelConfig Tiny = LeWorldModelConfig.Demo with
    {
        ImageSize = 28,
        EncoderWidth = 24,
        EncoderDepth = 1,
        EncoderMlp = 32,
        EmbeddingWidth = 16,
        ProjectorHidden = 24,
        PredictorDepth = 1,
        PredictorMlp = 24,
    };

    private readonly TemporaryFile temporary = new();

    public void Dispose() => temporary.Dispose();

    [Fact]
    public void A_model_comes_back_with_every_number_and_its_configuration()
    {
        using LeWorldModel model = Allocated();
        LeWorldModelCheckpoint.Save(temporary.Path, model);
        using LeWorldModel loaded = LeWorldModelCheckpoint.Load(temporary.Path, Device.ReferenceF32);
        Assert.False(loaded.Training);
        Assert.Equal(Numbers(model), Numbers(loaded));
        Assert.Equal(JsonSerializer.Serialize(Tiny), JsonSerializer.Serialize(loaded.Config));
        Assert.Contains("it does not say how far a training has come", Refused(() =>
        {
            using var optimizer = new AdamW(loaded);
            TrainingCheckpoint.Load(temporary.Path, loaded, optimizer, target: null, Metadata(loaded));
        }));
    }

    [Fact]
    public void Training_goes_on_where_it_was_saved()
    {
        using LeWorldModel model = Allocated();
        using var optimizer = new AdamW(model);
        Train(model, optimizer, 0, 3);
        var progress = new TrainingProgress { Step = 4, Skipped = 1, Loss = 0.1 };
        TrainingCheckpoint.Save(temporary.Path, model, optimizer, target: null, progress, Metadata(model));
        Train(model, optimizer, 3, 6);

        using LeWorldModel loaded = LeWorldModelCheckpoint.Load(temporary.Path, Device.ReferenceF32);
        using var resumed = new AdamW(loaded);
        Assert.Equal(progress, TrainingCheckpoint.Load(temporary.Path, loaded, resumed, target: null, Metadata(loaded)));
        Assert.Equal(3, resumed.Steps);
        Train(loaded, resumed, 3, 6);
        Assert.Equal(Numbers(model), Numbers(loaded));
    }

    [Fact]
    public void Training_of_another_run_is_refused_by_what_differs()
    {
        using LeWorldModel model = Allocated();
        using var optimizer = new AdamW(model);
        var metadata = new Dictionary<string, string> { ["recipe"] = """{"seed":0,"steps":60}""" };
        TrainingCheckpoint.Save(temporary.Path, model, optimizer, target: null, default, metadata);
        metadata["recipe"] = """{"seed":0,"steps":70}""";
        Assert.Contains("it is of another run: recipe.steps is 60 there, 70 here", Refused(() =>
            TrainingCheckpoint.Load(temporary.Path, model, optimizer, target: null, metadata)));
    }

    [Fact]
    public void All_that_does_not_fit_is_named_at_once()
    {
        using LeWorldModel model = Allocated();
        using var scope = new TensorScope(Device.ReferenceF32);
        List<(string Name, Tensor Tensor)> tensors = [.. model.Parameters().Select(p => (p.Name, p.Parameter.Value))];
        LeWorldModelCheckpoint.Save(temporary.Path, model);
        Dictionary<string, string> metadata;
        using (var file = new SafetensorsFile(temporary.Path))
            metadata = new(file.Metadata);
        tensors.RemoveAll(t => t.Name == "encoder.class_token");
        Replace("encoder.norm.bias", "encoder.norm.bais", scope.Zeros([24]));
        Replace("predictor.norm.bias", "predictor.norm.bias", scope.Zeros([17]));
        Replace("predictor.norm.weight", "predictor.norm.weight", scope.FromRaw<int>(new int[16], [16]));
        Safetensors.Write(temporary.Path, tensors, metadata);
        Assert.Equal($"{temporary.Path}: it does not fit the model: 2 missing: encoder.class_token (nearest is encoder.norm.bais), "
            + "encoder.norm.bias (nearest is encoder.norm.bais); 2 do not fit: predictor.norm.weight holds I32, not floats, "
            + "predictor.norm.bias is [17], not [16]; 1 too many: encoder.norm.bais",
            Refused(() => LeWorldModelCheckpoint.Load(temporary.Path, Device.ReferenceF32)));

        void Replace(string name, string newName, Tensor tensor) => tensors[tensors.FindIndex(t => t.Name == name)] = (newName, tensor);
    }

    [Theory]
    [InlineData("it is no known checkpoint", null)]
    [InlineData("unknown key 'imageSise'; nearest is 'imageSize'", "{\"imageSise\": 28}")]
    [InlineData("imageSize is \"large\"; it is a whole number", "{\"imageSize\": \"large\"}")]
    [InlineData("its configuration cannot be read", "{\"imageSize\": 28")]
    [InlineData("encoderWidth is -1; it is 1 to 65536", "{\"encoderWidth\": -1}")]
    [InlineData("patch is 0; it is 1 to 224", "{\"patch\": 0}")]
    [InlineData("encoderDepth is 65536; it is 1 to 1024", "{\"encoderDepth\": 65536}")]
    [InlineData("its configuration is of an encoder 192 wide, 1000 blocks", "{\"encoderDepth\": 1000}")]
    [InlineData("predictorDepth is 2000000000; it is 1 to 1024", "{\"predictorDepth\": 2000000000}")]
    [InlineData("pixelStd is [0, 1, 1]; each is 1e-9 to 1e9", "{\"pixelStd\": [0, 1, 1]}")]
    [InlineData("a number is beyond 1.8e308", "{\"dropout\": 1e999}")]
    public void A_bad_configuration_is_refused(string message, string? config)
    {
        using var scope = new TensorScope(Device.ReferenceF32);
        Dictionary<string, string> metadata = config is null ? [] : new() { ["config"] = config };
        Safetensors.Write(temporary.Path, [("a", scope.Zeros([1]))], metadata);
        Assert.Contains(message, Refused(() => LeWorldModelCheckpoint.Load(temporary.Path, Device.ReferenceF32)));
    }

    [Fact]
    public void What_a_configuration_does_not_name_keeps_its_default()
    {
        RunConfig read = StrictJson.Read("{\"model\": {\"imageSize\": 28}, \"train\": {\"batch\": 7}}", "test", RunConfig.Published, RunJson.Default.RunConfig);
        RunConfig expected = new() { Model = new() { ImageSize = 28 }, Train = new() { Batch = 7 } };
        Assert.Equal(JsonSerializer.Serialize(expected, RunJson.Default.RunConfig), JsonSerializer.Serialize(read, RunJson.Default.RunConfig));
    }

    [Fact]
    public void A_published_file_with_a_fault_is_refused_by_its_own_keys()
    {
        using var golden = new Golden("lewm_tiny");
        List<(string Name, Tensor Tensor)> state = Published.StateDict(golden, out TensorScope scope);
        state.RemoveAll(t => t.Name == "encoder.encoder.layer.1.attention.attention.key.bias");
        state.Add(("encoder.pooler.dense.bias", scope.Zeros([24])));
        Published.WriteFolder(temporary.Folder, golden, state);
        scope.Dispose();
        string message = Refused(() => LeWorldModelCheckpoint.Load(temporary.Folder, Device.ReferenceF32));
        Assert.Contains("1 missing: encoder.encoder.layer.1.attention.attention.key.bias", message);
        Assert.Contains("1 too many: encoder.pooler.dense.bias", message);
    }

    [Fact]
    public void The_published_model_has_303_published_tensors_without_a_double()
    {
        using var model = new LeWorldModel(LeWorldModelConfig.Published);
        KeyMap map = LeWorldModelFamily.Published(version5: false);
        var keys = model.Parameters().SelectMany(p => map.Find(p.Name)!.Keys.Select(key => (key, map.Find(p.Name)!.Whole(p.Parameter.Shape)))).ToDictionary();
        Assert.Equal(303 - 2, keys.Count);
        Assert.Equal([192, 192], keys["encoder.encoder.layer.11.attention.attention.value.weight"]);
        Assert.Equal([3072, 192], keys["predictor.transformer.layers.5.attn.to_qkv.weight"]);
        Assert.Equal([10, 10, 1], map.Written("action_encoder.patch_embed.weight", [10, 10]));
        Assert.Null(map.Find("encoder.blocks.0.norm3.weight"));
    }

    /// <summary>The published keys and what they are called since transformers 5, from its own ViTModel.</summary>
    [Fact]
    public void Both_spellings_of_transformers_are_known()
    {
        using JsonDocument renames = JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Fixtures", "models", "lewm_keys.json")));
        var expected = renames.RootElement.EnumerateObject().ToDictionary(p => p.Name, p => p.Value.GetString());
        using var model = new LeWorldModel(LeWorldModelConfig.Published);
        Assert.Equal(303, expected.Count);
        Assert.True(LeWorldModelFamily.IsVersion5(expected.Values.OfType<string>()));
        Assert.False(LeWorldModelFamily.IsVersion5(expected.Keys));
        foreach ((string version4, string version5) in Spellings(model))
            Assert.Equal(expected[version4], version5);
    }

    private static IEnumerable<(string Version4, string Version5)> Spellings(LeWorldModel model) => model.Parameters().SelectMany(p =>
        LeWorldModelFamily.Published(version5: false).Find(p.Name)!.Keys.Zip(LeWorldModelFamily.Published(version5: true).Find(p.Name)!.Keys));

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_published_folder_gives_what_PyTorch_gives(bool version5)
    {
        string folder = Path.Combine(AppContext.BaseDirectory, "Fixtures", "models", "lewm");
        if (version5)
        {
            using TensorFile weights = TensorFile.Open(Path.Combine(folder, "weights.pt"));
            using var renamed = new TensorScope(Device.ReferenceF32, "renamed");
            using var scratch = new LeWorldModel(LeWorldModelCheckpoint.Load(folder, Device.ReferenceF32).Config);
            var names = Spellings(scratch).ToDictionary();
            Safetensors.Write(Path.Combine(temporary.Folder, "model.safetensors"),
                [.. weights.Entries.Keys.Select(key => (names.GetValueOrDefault(key, key), weights.Read(key, renamed)))]);
            File.Copy(Path.Combine(folder, "config.json"), Path.Combine(temporary.Folder, "config.json"));
            folder = temporary.Folder;
        }
        using LeWorldModel model = LeWorldModelCheckpoint.Load(folder, Device.Cpu);
        using var golden = new Golden("models/lewm.io");
        using var scope = new TensorScope(Device.Cpu, "clip");
        LeWorldModelOutput output = model.Forward(golden.File.Read("input.pixels", scope), golden.File.Read("input.action", scope));
        Golden.Close("emb", golden["emb"], output.Embeddings, 2e-5);
        Golden.Close("pred", golden["pred"], output.Predictions, 2e-5);
    }

    private static LeWorldModel Allocated()
    {
        var model = new LeWorldModel(Tiny);
        model.Allocate(Device.ReferenceF32, seed: 5);
        return model;
    }

    private static void Train(LeWorldModel model, AdamW optimizer, int from, int to)
    {
        model.Train();
        for (int step = from; step < to; step++)
        {
            using var tape = new Tape(model.Device);
            PhiloxKey key = new PhiloxKey(9).Child((ulong)step);
            LeWorldModelOutput output = model.Forward(
                tape.RandomNormal([2, 2, 3, 28, 28], key), tape.RandomNormal([2, 1, 10], key.Child(1)), key.Child(2));
            tape.Backward(output.Predictions.MeanSquaredError(output.Embeddings.Slice(1, 1, 1)));
            Assert.True(optimizer.Step().Applied);
        }
    }

    private static float[] Numbers(LeWorldModel model) => [.. model.Parameters().SelectMany(p => p.Parameter.Value.ToArray<float>())];

    private static Dictionary<string, string> Metadata(LeWorldModel model) => LeWorldModel.Family.Metadata(model.Config);

    private static string Refused(Action action)
    {
        string message = Assert.Throws<BadFileException>(action).Message;
        Assert.DoesNotContain('\n', message);
        return message;
    }
}
