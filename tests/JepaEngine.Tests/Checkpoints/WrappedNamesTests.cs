using JepaEngine.IO;
using JepaEngine.Jepa.Checkpoints;
using JepaEngine.Jepa.Models;
using JepaEngine.Memory;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Tests.Checkpoints;

/// <summary>Checkpoints of models that were compiled, trained in parallel, or kept in a trainer: other names for the
/// same tensors.</summary>
public sealed class WrappedNamesTests : IDisposable
{
    private static readonly string Models = Path.Combine(AppContext.BaseDirectory, "Fixtures", "models");

    private readonly TemporaryFile temporary = new();
    private readonly TensorScope scope = new(Device.Cpu, "test");

    public void Dispose()
    {
        scope.Dispose();
        temporary.Dispose();
    }

    [Theory]
    [InlineData("hf_vjepa2", "model.safetensors")]
    [InlineData("hf_ijepa", "model.safetensors")]
    [InlineData("lewm", "weights.pt")]
    [InlineData("ijepa.pth.tar", null)]
    [InlineData("vjepa2.pt", null)]
    [InlineData("own", null)]
    public void Every_layout_is_read_under_wrappers_names(string name, string? weights)
    {
        string path = name == "own" ? Own() : Path.Combine(Models, name, weights ?? "");
        using JepaModel sound = ModelFile.Load(path, Device.Cpu, Options(name));
        string[] before = Parameters(sound);
        Func<string, string>[] namings =
        [
            .. new[] { "_orig_mod.", "module.", "model.", "net.", "module._orig_mod.", "model.module.", "_fsdp_wrapped_module." }
                .Select(prefix => (Func<string, string>)(key => prefix + key)),
            key => Inside(key, "_orig_mod"), key => Inside(key, "module"), key => key.Contains('.') ? $"{key[..key.LastIndexOf('.')]}._orig_mod{key[key.LastIndexOf('.')..]}" : key,
        ];
        foreach (Func<string, string> naming in namings)
        {
            using JepaModel wrapped = ModelFile.Load(Copy(path, key => [naming(key)]), Device.Cpu, Options(name));
            Assert.Equal(before, Parameters(wrapped));
            Assert.Equal(sound.Origin!.Encoder, wrapped.Origin!.Encoder);
        }
    }

    [Theory]
    [InlineData("hf_vjepa2", "model.safetensors")]
    [InlineData("ijepa.pth.tar", null)]
    [InlineData("own", null)]
    public void A_tensor_under_both_names_is_refused(string name, string? weights)
    {
        string path = name == "own" ? Own() : Path.Combine(Models, name, weights ?? "");
        foreach (string prefix in new[] { "_orig_mod.", "module.", "model.", "net." })
        {
            string message = Assert.Throws<BadFileException>(() => ModelFile.Load(Copy(path, key => [key, prefix + key]), Device.Cpu, Options(name))).Message;
            Assert.Contains("are one tensor but for a wrapper's prefix; keep one of them", message);
        }
    }

    [Theory]
    [InlineData("state_dict.")]
    [InlineData("state_dict.model.")]
    [InlineData("model.module.")]
    [InlineData("trainer.jepa.")]
    public void The_papers_encoder_is_found_in_any_wrapping(string prefix)
    {
        string path = Path.Combine(Models, "ijepa.pth.tar"), copy = Copy(path, key => [prefix + key]);
        foreach (string? encoder in (ReadOnlySpan<string?>)[null, "target_encoder", "encoder"])
        {
            using JepaModel sound = ModelFile.Load(path, Device.Cpu, Options("x.pt") with { Encoder = encoder });
            using JepaModel wrapped = ModelFile.Load(copy, Device.Cpu, Options("x.pt") with { Encoder = encoder });
            Assert.Equal(encoder ?? "target_encoder", wrapped.Origin!.Encoder);
            Assert.Equal(Parameters(sound), Parameters(wrapped));
        }
    }

    [Fact]
    public void Of_several_encoders_that_no_name_tells_apart_one_has_to_be_named()
    {
        string path = Path.Combine(Models, "ijepa.pth.tar");
        string copy = Copy(path, key => key.StartsWith("predictor", StringComparison.Ordinal) ? [key]
            : [key.StartsWith("target", StringComparison.Ordinal) ? $"teacher.{key[15..]}" : $"student.{key[8..]}"]);
        Assert.Contains("it has several encoders, student.module and teacher.module; say which (--encoder)",
            Assert.Throws<BadFileException>(() => ModelFile.Load(copy, Device.Cpu, Options("x.pt"))).Message);
        using JepaModel sound = ModelFile.Load(path, Device.Cpu, Options("x.pt"));
        using JepaModel teacher = ModelFile.Load(copy, Device.Cpu, Options("x.pt") with { Encoder = "teacher.module" });
        Assert.Equal(Parameters(sound), Parameters(teacher));

        // Two trainings in one file: the predictor that belongs to the encoder is taken.
        copy = Copy(path, key => [$"first.{key}", $"second.{key}"]);
        Assert.Contains("first.target_encoder.module and second.target_encoder.module",
            Assert.Throws<BadFileException>(() => ModelFile.Load(copy, Device.Cpu, Options("x.pt"))).Message);
        var second = Options("x.pt") with { Encoder = "second.target_encoder.module" };
        using JepaModel chosen = ModelFile.Load(copy, Device.Cpu, second);
        Assert.Equal(Parameters(sound), Parameters(chosen));
        copy = Copy(path, key => key.StartsWith("pred", StringComparison.Ordinal) ? [$"a.{key}", $"b.{key}"] : [key]);
        Assert.Contains("it has several predictors, 'a.predictor.module.' and 'b.predictor.module.'; keep one of them",
            Assert.Throws<BadFileException>(() => ModelFile.Load(copy, Device.Cpu, Options("x.pt"))).Message);
    }

    [Theory]
    [InlineData("hf_vjepa2", "model.safetensors")]
    [InlineData("hf_ijepa", "model.safetensors")]
    [InlineData("lewm", "weights.pt")]
    [InlineData("ijepa.pth.tar", null)]
    [InlineData("own", null)]
    public void What_a_trainer_keeps_beside_the_model_is_passed_over(string name, string? weights)
    {
        string path = name == "own" ? Own() : Path.Combine(Models, name, weights ?? "");
        using JepaModel sound = ModelFile.Load(path, Device.Cpu, Options(name));
        using TensorFile file = TensorFile.Open(path);
        string first = file.Entries.Keys.First();
        foreach (string prefix in new[] { "model.", "model_state_dict.", "state_dict.model.", "model.module." })
        {
            string[] beside =
                ["optimizer.state.0.exp_avg", prefix == "state_dict.model." ? "state_dict.loss" : "rng_state"];
            string copy = Copy(path, key => key == first ? [prefix + key, .. beside] : [prefix + key]);
            using JepaModel nested = ModelFile.Load(copy, Device.Cpu, Options(name));
            Assert.Equal(Parameters(sound), Parameters(nested));
            if (name == "ijepa.pth.tar")
                continue;
            string message = Assert.Throws<BadFileException>(() => ModelFile.Load(
                Copy(path, key => [prefix + key, $"ema.{key}"]), Device.Cpu, Options(name))).Message;
            Assert.Contains("are one tensor but for a wrapper's prefix; keep one of them", message);
        }
    }

    [Fact]
    public void A_tensor_that_is_not_read_is_named_where_a_model_needs_it_and_listed_where_none_does()
    {
        string path = Path.Combine(Models, "hf_vjepa2", "model.safetensors"), copy = Copy(path, key => [key]);
        byte[] bytes = File.ReadAllBytes(copy);
        int at = bytes.AsSpan().IndexOf("\"encoder.layernorm.weight\":{\"dtype\":\"F32\""u8) + "\"encoder.layernorm.weight\":{\"dtype\":\"".Length;
        "U32"u8.CopyTo(bytes.AsSpan(at));
        File.WriteAllBytes(copy, bytes);
        Assert.Contains("encoder.layernorm.weight holds U32, which is not read", Assert.Throws<BadFileException>(() => ModelFile.Load(copy, Device.Cpu)).Message);

        copy = Copy(path, key => key == "encoder.layernorm.weight" ? [key, "counter"] : [key]);
        bytes = File.ReadAllBytes(copy);
        at = bytes.AsSpan().IndexOf("\"counter\":{\"dtype\":\"F32\""u8) + "\"counter\":{\"dtype\":\"".Length;
        "U32"u8.CopyTo(bytes.AsSpan(at));
        File.WriteAllBytes(copy, bytes);
        ModelFile.Load(copy, Device.Cpu).Dispose();
        using ModelFile file = ModelFile.Open(copy);
        Assert.Equal("holds U32", file.File.Skipped["counter"]);
    }

    [Theory]
    [InlineData("facebook/vjepa2-vitl-fpc64-256", true)]
    [InlineData("quentinll/lewm-pusht", true)]
    [InlineData("./facebook/vjepa2", false)]
    [InlineData("/facebook/vjepa2", false)]
    [InlineData("models/vitl.pt", false)]
    [InlineData("model.pt", false)]
    public void A_name_on_the_hub_says_how_to_download_it(string name, bool isHub)
    {
        string message = Assert.Throws<BadFileException>(() => ModelFile.Open(name)).Message;
        Assert.Equal(isHub, message.Contains($"hf download {name} --local-dir DIR", StringComparison.Ordinal));
        Assert.StartsWith(name, message);
    }

    private static LoadOptions Options(string name) =>
        name.Contains(".p", StringComparison.Ordinal) ? new() { Heads = 2, PredictorHeads = 2, ImageSize = name == "vjepa2.pt" ? 16 : null } : new();

    private string Own()
    {
        string path = Path.Combine(temporary.Folder, "own.jepa");
        using JepaModel model = ModelFile.Load(Path.Combine(Models, "hf_vjepa2"), Device.Cpu);
        ModelWriter.Write(path, model, ModelLayout.JepaEngine, DType.F32);
        return path;
    }

    /// <summary>The same tensors, each under each of the names, with the same configuration beside them.</summary>
    private string Copy(string path, Func<string, string[]> names)
    {
        string copy = Path.Combine(temporary.Folder, "model.safetensors"), config = Path.Combine(Path.GetDirectoryName(path)!, "config.json");
        if (File.Exists(config))
            File.Copy(config, Path.Combine(temporary.Folder, "config.json"), overwrite: true);
        using TensorFile file = TensorFile.Open(path);
        Safetensors.Write(copy, [.. file.Entries.Keys.SelectMany(name => names(name).Select(other => (other, Exact(file, name))))],
            path.EndsWith(".jepa", StringComparison.Ordinal) ? file.Metadata : null);
        return copy;
    }

    private Tensor Exact(TensorFile file, string name)
    {
        TensorEntry entry = file.Entries[name];
        Tensor tensor = scope.Empty(entry.Shape, entry.DType);
        file.ReadInto(name, tensor);
        return tensor;
    }

    private static string Inside(string key, string word)
    {
        string[] words = key.Split('.');
        int block = Array.FindIndex(words, part => char.IsAsciiDigit(part[0]));
        return string.Join('.', block < 0 || block == words.Length - 1 ? words : [.. words[..(block + 1)], word, .. words[(block + 1)..]]);
    }

    private static string[] Parameters(JepaModel model) =>
        [.. model.Parameters().Select(p => $"{p.Name} {string.Join(' ', p.Parameter.Value.ToArray<float>().Take(50))}")];
}
