using System.IO.Compression;
using System.Text.Json;
using JepaEngine.IO;
using JepaEngine.Jepa.Checkpoints;
using JepaEngine.Jepa.Models;
using JepaEngine.Memory;
using JepaEngine.Ops;
using JepaEngine.Primitives;
using JepaEngine.Tensors;
using static JepaEngine.PackageTests.JepaProcess;
using static JepaEngine.PackageTests.ModelFixture;

namespace JepaEngine.PackageTests;

/// <summary><c>jepa inspect</c>, <c>run</c> and <c>convert</c> on published checkpoints, as processes.</summary>
public sealed class ModelCommandTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("jepa-models").FullName;

    private string In => Path.Combine(folder, "in.safetensors");

    private string Out => Path.Combine(folder, "out.safetensors");

    public void Dispose() => Directory.Delete(folder, recursive: true);

    // BF16 and F16 weights have the same bound: the fixtures' results are computed in float64 from the stored weights.
    [Theory]
    [InlineData("hf_vjepa2")]
    [InlineData("hf_vjepa2_sharded")]
    public void RunGivesWhatTransformersGives(string name)
    {
        WriteInputs(In, name, ("pixel_values_videos", "input.video"), ("context_mask", "context_mask"), ("target_mask", "target_mask"));
        string output = Works("run", At(name), "--inputs", In, "--outputs", Out);
        Close(name, "last_hidden_state", Out, "last_hidden_state");
        Close(name, "predictor", Out, "predictor_last_hidden_state");
        Assert.Contains("last_hidden_state            [2, 18, 32]\npredictor_last_hidden_state  [2, 6, 32]\n", output);
    }

    [Fact]
    public void RunTakesPicturesAndTheChosenEncoder()
    {
        WriteInputs(In, "hf_ijepa", ("pixel_values", "input.image"));
        Works("run", At("hf_ijepa"), "--inputs", In, "--outputs", Out, "--copy");
        Close("hf_ijepa", "last_hidden_state", Out, "last_hidden_state");

        WriteInputs(In, "vjepa2.pt", ("pixel_values_videos", "input.video"));
        string[] chosen = ["--encoder", "encoder", "--image-size", "16", .. Heads];
        JsonElement json = JsonElement.Parse(Works(["run", At("vjepa2.pt"), "--inputs", In, "--outputs", Out, "--json", .. chosen]));
        Close("vjepa2.pt", "encoder", Out, "last_hidden_state");
        Assert.Equal([2, 32, 24], json.GetProperty("outputs").GetProperty("last_hidden_state").EnumerateArray().Select(length => length.GetInt32()));
    }

    [Fact]
    public void RunTakesAPublishedLeWorldModel()
    {
        WriteInputs(In, "lewm", ("pixels", "input.pixels"), ("action", "input.action"));
        Works("run", At("lewm"), "--inputs", In, "--outputs", Out);
        Close("lewm", "emb", Out, "emb");
        Close("lewm", "pred", Out, "pred");
    }

    /// <summary>V-JEPA 2 by its own trainer's way, and each mask token, as the library's calls give them.</summary>
    [Fact]
    public void RunSeesTheContextAloneOrTheWholeClipAndTakesAnyMaskToken()
    {
        WriteInputs(In, "hf_vjepa2", ("pixel_values_videos", "input.video"), ("context_mask", "context_mask"), ("target_mask", "target_mask"));
        string[] run = ["run", At("hf_vjepa2"), "--inputs", In, "--outputs", Out];
        using VJepa2 model = VJepa2.Load(At("hf_vjepa2"), Device.Cpu);
        using var scope = new TensorScope(Device.Cpu, "expected");
        using TensorFile file = TensorFile.Open(In);
        Tensor pixels = file.Read("pixel_values_videos", scope), ids = file.Read("context_mask", scope), target = file.Read("target_mask", scope);
        foreach ((string view, Tensor context) in new[] { ("visible", model.Encode(pixels, ids)), ("whole", model.Encode(pixels).Gather(ids)) })
        {
            foreach (int token in new[] { 0, 1, 3 })
            {
                Works([.. run, "--context", view, "--mask-token", $"{token}"]);
                Assert.Equal(model.Predictor!.Forward(context, ids, target, token).ToArray<double>(), Numbers(Out, "predictor_last_hidden_state"));
            }
        }
        Assert.Contains("mask token 99 is asked for, but the model has 0 to", Fails(2, [.. run, "--mask-token", "99"]));
        Assert.Contains("--context is 'half'; it is visible or whole", Fails(2, [.. run, "--context", "half"]));
        WriteInputs(In, "hf_ijepa", ("pixel_values", "input.image"));
        Assert.Contains("I-JEPA has no mask tokens to choose from; leave --mask-token out",
            Fails(2, "run", At("hf_ijepa"), "--inputs", In, "--outputs", Out, "--mask-token", "0"));
        WriteInputs(In, "lewm", ("pixels", "input.pixels"), ("action", "input.action"));
        Assert.Contains("LeWorldModel predicts no masked tokens; leave --context out",
            Fails(2, "run", At("lewm"), "--inputs", In, "--outputs", Out, "--context", "visible"));
    }

    [Fact]
    public void RunWarnsWhereThePredictorCountsInAnotherGrid()
    {
        WriteInputs(In, "vjepa2.pt", ("pixel_values_videos", "input.video"), ("context_mask", "context_mask"), ("target_mask", "target_mask"));
        string[] run = ["run", At("vjepa2.pt"), "--inputs", In, "--outputs", Out, .. Heads, "--image-size"];
        (int code, _, string error) = Run([.. run, "16"]);
        Assert.Equal((0, ""), (code, error));
        (code, _, error) = Run([.. run, "32"]);
        Assert.Equal(0, code);
        Assert.Matches("pixel_values_videos has (\\d) x \\1 patches, but the predictor counts in a grid of (\\d) x \\2; .*--image-size", error);
    }

    [Fact]
    public void RunRefusesWhatAModelDoesNotTake()
    {
        WriteInputs(In, "hf_vjepa2", ("pixel_values", "input.video"));
        string[] run = ["run", At("hf_vjepa2"), "--inputs", In, "--outputs", Out];
        Assert.Contains("input 'pixel_values' is not known; the model takes pixel_values_videos [B, T, C, H, W]", Fails(2, run));
        // By its name alone: what it holds is damaged, and was not looked at.
        string npz = Path.ChangeExtension(In, "npz");
        using (ZipArchive zip = ZipFile.Open(npz, ZipArchiveMode.Create))
        using (Stream entry = zip.CreateEntry("other.npy", CompressionLevel.NoCompression).Open())
        {
            entry.Write([0x93, .. "NUMPY\u0001\0\u003c\0"u8,
                .. "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }  \n1234"u8]);
        }
        byte[] bytes = File.ReadAllBytes(npz);
        bytes[bytes.AsSpan().IndexOf("\n1234"u8) + 1] ^= 1;
        File.WriteAllBytes(npz, bytes);
        Assert.Contains("input 'other' is not known",
            Fails(2, "run", At("hf_vjepa2"), "--inputs", npz, "--outputs", Out));
        WriteInputs(In, "hf_vjepa2", ("pixel_values_videos", "input.video"), ("mask", "context_mask"));
        Assert.Contains("input 'mask' is not known", Fails(2, run));
        WriteInputs(In, "hf_ijepa", ("pixel_values_videos", "input.image"));
        Assert.Contains("[2, 3, 32, 32]", Fails(2, run));
        WriteInputs(In, "hf_vjepa2", ("pixel_values_videos", "input.video"));
        Assert.Contains("of activations, but 1 KiB are free", Fails(5, [.. run, "--memory-limit", "1KiB"]));
        Assert.Contains("--memory-limit is 'much'", Fails(2, [.. run, "--memory-limit", "much"]));
        Assert.Contains("no-such", Fails(3, "run", Path.Combine(folder, "no-such"), "--inputs", In, "--outputs", Out));
        Assert.False(File.Exists(Out));
    }

    [Fact]
    public void InspectSaysWhatAFolderIs()
    {
        string text = Works("inspect", At("hf_vjepa2"));
        Assert.Contains("V-JEPA 2, of no released size\n", text);
        Assert.Contains("clips of 4 frames of 24 x 24 pixels in patches of 2 x 8 x 8\n", text);
        Assert.Contains("stay in the mapped file\n", text);
        using TensorFile file = TensorFile.Open(Path.Combine(At("hf_vjepa2"), "model.safetensors"));
        long parameters = file.Entries.Values.Sum(entry => entry.Shape.Count);
        JsonElement json = JsonElement.Parse(Works("inspect", At("hf_vjepa2"), "--json", "--keys"));
        Assert.Equal(parameters, json.GetProperty("parameters").GetInt64());
        Assert.Equal(4 * parameters, json.GetProperty("mappedBytes").GetInt64());
        Assert.Equal(0, json.GetProperty("missing").GetArrayLength());
        Assert.Equal("F32", json.GetProperty("dtype").GetString());
        Assert.Equal([18, 9], json.GetProperty("memory").EnumerateArray().Select(plan => plan.GetProperty("tokens").GetInt32()));
        var names = json.GetProperty("tensors").EnumerateArray().Select(tensor => tensor.GetProperty("name").GetString());
        Assert.Equal(file.Entries.Keys.Order(StringComparer.Ordinal), names);

        json = JsonElement.Parse(Works("inspect", At("hf_vjepa2_sharded"), "--json"));
        Assert.Equal("BF16", json.GetProperty("dtype").GetString());
        Assert.Equal((0, 4 * parameters), (json.GetProperty("mappedBytes").GetInt64(), json.GetProperty("copiedBytes").GetInt64()));
    }

    [Fact]
    public void InspectShowsTheEncodersOfATrainingCheckpoint()
    {
        string text = Works(["inspect", At("ijepa.pth.tar"), .. Heads]);
        Assert.Contains("target_encoder is used; the file also has encoder (--encoder)\n", text);
        Assert.Contains("I-JEPA, of no released size\n", text);
        Assert.Contains("(--heads)", Fails(3, "inspect", At("ijepa.pth.tar")));
        Assert.Contains("--family is 'resnet'", Fails(2, "inspect", At("hf_ijepa"), "--family", "resnet"));
        Assert.Contains("LeWorldModel, of no released size\n", Works("inspect", At("lewm")));
        Assert.Contains("leave --encoder", Fails(2, "inspect", At("lewm"), "--heads", "3"));
    }

    [Fact]
    public void InspectNamesWhatIsMissingAndWhatIsNotFinite()
    {
        const string key = "encoder.layernorm.bias";
        string without = Changed(folder, "hf_vjepa2", key, (_, _) => { });
        Assert.Contains($"1 missing: {key}", Fails(3, "inspect", without));
        Directory.Delete(without, recursive: true);
        string extra = Changed(folder, "hf_vjepa2", "", (tensors, scope) =>
            tensors.AddRange(Enumerable.Range(0, 12).Select(i => ($"more.{i:D2}", scope.Zeros([1])))));
        Assert.Contains("more.08, more.09 and 2 more (--json)\n", Run("inspect", extra).Output);
        JsonElement listed = JsonElement.Parse(Run("inspect", extra, "--json").Output);
        Assert.Equal(12, listed.GetProperty("extra").GetArrayLength());
        Directory.Delete(extra, recursive: true);
        string broken = Changed(folder, "hf_vjepa2", key, (tensors, scope) => tensors.Add((key, scope.Full([32], double.NaN))));
        string text = Works("inspect", broken);
        Assert.Matches($"not finite +1: {key}\n", text);
        Assert.Contains($"1 tensors hold NaN or infinity: {key}", Fails(3, "inspect", broken, "--strict"));
    }

    /// <summary>Of a model with a NaN nothing leaves it: one line names the tensor, and no file is written.</summary>
    [Fact]
    public void AModelThatIsNotFiniteGivesNothing()
    {
        const string key = "encoder.layer.0.attention.key.bias";
        string broken = Changed(folder, "hf_vjepa2", key, (tensors, scope) => tensors.Add((key, scope.Full([32], double.PositiveInfinity))));
        WriteInputs(In, "hf_vjepa2", ("pixel_values_videos", "input.video"));
        string picture = WritePicture(folder), sheet = Path.Combine(folder, "sheet.png");
        Assert.Contains($"'{key}' of ", Fails(6, "run", broken, "--inputs", In, "--outputs", Out));
        Assert.Contains($"'{key}' of ", Fails(6, "encode", broken, picture, "--out", Out, "--json", "--pca", sheet));
        Assert.False(File.Exists(Out) || File.Exists(sheet));

        // An activation swallows it: GELU of -infinity is 0.
        Directory.Delete(broken, recursive: true);
        const string swallowed = "encoder.layer.0.mlp.fc1.bias";
        broken = Changed(folder, "hf_vjepa2", swallowed,
            (tensors, scope) => tensors.Add((swallowed, scope.Full([128], double.NegativeInfinity))));
        Assert.Contains($"'{swallowed}' of ", Fails(6, "run", broken, "--inputs", In, "--outputs", Out));
        Assert.Contains($"'{swallowed}' of ", Fails(6, "encode", broken, picture, "--out", Out));

        // A finite model makes infinity of what is far beyond pictures.
        using var scope = new TensorScope(Device.Cpu, "large");
        Safetensors.Write(In, [("pixel_values_videos", scope.Full([1, 4, 3, 24, 24], 1e38))]);
        Assert.Contains("the encoder's block 0 is the first", Fails(6, "run", At("hf_vjepa2"), "--inputs", In, "--outputs", Out));
        Assert.Contains("'encoder.patch_embed.proj.bias' holds 1e+06",
            Fails(6, "convert", Large(), Out, "--layout", "original", "--dtype", "f16"));
        Assert.False(File.Exists(Out));

        string Large()
        {
            Directory.Delete(broken, recursive: true);
            const string bias = "encoder.embeddings.patch_embeddings.proj.bias";
            return Changed(folder, "hf_vjepa2", bias, (tensors, scope) => tensors.Add((bias, scope.Full([32], 1e6))));
        }
    }

    [Theory]
    [InlineData("context_mask,target_mask_1", "input 'target_mask_0' is missing")]
    [InlineData("context_mask,target_mask_0,target_mask_2", "input 'target_mask_1' is missing")]
    [InlineData("context_mask,target_mask_00", "input 'target_mask_0' is missing")]
    [InlineData("target_mask_0", "input 'context_mask' is missing")]
    [InlineData("context_mask", "input 'target_mask_0' is missing")]
    public void RunRefusesMasksThatItWouldNotRead(string masks, string fault)
    {
        using var scope = new TensorScope(Device.Cpu, "masks");
        Tensor ids = scope.FromRaw<long>([0, 1], [1, 2]);
        Safetensors.Write(In,
            [("pixel_values", scope.Zeros([1, 3, 16, 16])), .. masks.Split(',').Select(name => (name, ids))]);
        Assert.Contains(fault, Fails(2, ["run", At("ijepa.pth.tar"), "--inputs", In, "--outputs", Out, .. Heads]));
    }

    [Theory]
    [InlineData(0, 2)]
    [InlineData(1, 0)]
    public void RunRefusesWhatIsEmpty(int batch, int targets)
    {
        using var scope = new TensorScope(Device.Cpu, "empty");
        Safetensors.Write(In, [("pixel_values_videos", scope.Zeros([batch, 4, 3, 24, 24])),
            ("context_mask", scope.FromRaw<long>(new long[batch * 2], [batch, 2])),
            ("target_mask", scope.FromRaw<long>(new long[batch * targets], [batch, targets]))]);
        Assert.Matches(@"input '(pixel_values_videos|context_mask|target_mask)' \[.*\b0\b.*\] is empty",
            Fails(3, "run", At("hf_vjepa2"), "--inputs", In, "--outputs", Out));
    }

    [Fact]
    public void AnInputThatIsNotFiniteIsNamed()
    {
        using var scope = new TensorScope(Device.Cpu, "not finite");
        using (TensorFile file = TensorFile.Open(At("lewm.io.safetensors")))
        {
            Tensor action = file.Read("input.action", scope);
            Safetensors.Write(In, [("pixels", file.Read("input.pixels", scope)),
                ("action", scope.Full(action.Shape, double.NaN))]);
        }
        Assert.Contains("the input 'action' holds NaN", Fails(6, "run", At("lewm"), "--inputs", In, "--outputs", Out));
    }

    /// <summary>Sizes that nothing holds are told at once: a search for one that fits would take its time.</summary>
    [Theory]
    [InlineData("--frames", "2147483646")]
    [InlineData("--size", "1000000")]
    public void AnOptionBeyondAllSizesIsRefused(string option, string asked) => Assert.Contains(
        $"{option} is {asked}; it is 1 to 65536",
        Fails(2, "encode", At("hf_vjepa2"), WritePicture(folder), option, asked, "--out", Out));

    [Theory]
    [InlineData("--family", "ijepa")]
    [InlineData("--heads", "4")]
    [InlineData("--image-size", "48")]
    public void AnOptionThatContradictsTheConfigurationIsRefused(string option, string asked) =>
        Assert.Contains($"{option} is {asked}, but the configuration of ",
            Fails(2, "inspect", At("hf_vjepa2"), option, asked));

    [Theory]
    [InlineData("context_mask", 18)]
    [InlineData("target_mask", -1)]
    [InlineData("target_mask", 1_000_000)]
    public void RunRefusesAnIdThatIsNoToken(string mask, long id)
    {
        using var scope = new TensorScope(Device.Cpu, "ids");
        using (TensorFile file = TensorFile.Open(At("hf_vjepa2.io.safetensors")))
        {
            Tensor good = scope.FromRaw<long>([0, 1, 2, 3], [2, 2]), bad = scope.FromRaw<long>([0, 17, id, 1], [2, 2]);
            Safetensors.Write(In, [("pixel_values_videos", file.Read("input.video", scope)),
                ("context_mask", mask == "context_mask" ? bad : good), ("target_mask", mask == "target_mask" ? bad : good)]);
        }
        Assert.Contains($"id {id} at [1, 0] is not one of the tokens 0 to 17", Fails(3, "run", At("hf_vjepa2"), "--inputs", In, "--outputs", Out));
    }

    [Fact]
    public void ConvertThereAndBackGivesTheSameTensors()
    {
        string original = Path.Combine(folder, "original.safetensors"), back = Path.Combine(folder, "back");
        Works("convert", At("hf_vjepa2"), original, "--layout", "original");
        Works(["convert", original, back, "--layout", "hf", "--image-size", "24", .. Heads]);
        using TensorFile first = TensorFile.Open(Path.Combine(At("hf_vjepa2"), "model.safetensors"));
        Assert.All(first.Entries.Keys, key => Assert.Equal(Numbers(first.Path, key), Numbers(Path.Combine(back, "model.safetensors"), key)));

        string text = Works(["convert", At("ijepa.pth.tar"), Path.Combine(folder, "picture"), "--layout", "hf", "--dtype", "bf16", .. Heads]);
        Assert.Contains("Left out, as the layout has no place for it: predictor (24 tensors).\n", text);
        Assert.Contains("I-JEPA is written to", text);
        using TensorFile halved = TensorFile.Open(Path.Combine(folder, "picture", "model.safetensors"));
        Assert.All(halved.Entries.Values, entry => Assert.Equal(DType.BF16, entry.DType));
        Assert.Contains("--layout is 'meta'", Fails(2, "convert", At("hf_vjepa2"), original, "--layout", "meta"));
        Assert.Contains("--dtype is 'f8'", Fails(2, "convert", At("hf_vjepa2"), original, "--layout", "hf", "--dtype", "f8"));
    }
}
