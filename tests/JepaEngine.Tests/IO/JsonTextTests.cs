using System.Diagnostics;
using System.Text;
using JepaEngine.IO;
using JepaEngine.Jepa.Checkpoints;
using JepaEngine.Memory;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Tests.IO;

/// <summary>JSON as Python and editors write it, in every file that holds some.</summary>
public sealed class JsonTextTests : IDisposable
{
    private readonly TemporaryFile temporary = new();
    private readonly TensorScope scope = new(Device.Cpu, "test");

    public void Dispose()
    {
        scope.Dispose();
        temporary.Dispose();
    }

    [Theory]
    [InlineData("{\"a\": NaN, \"b\": [Infinity, -Infinity]}", "{\"a\": \"NaN\", \"b\": [\"Infinity\", \"-Infinity\"]}")]
    [InlineData("{\"NaN\": \"a NaN, \\\"NaN\\\" \\\\\", \"b\": NaN}", "{\"NaN\": \"a NaN, \\\"NaN\\\" \\\\\", \"b\": \"NaN\"}")]
    [InlineData("{\"a\": \"NaN", "{\"a\": \"NaN")]
    public void Literals_outside_of_texts_become_texts(string json, string plain) => Assert.Equal(plain, JsonText.Plain(json));

    [Fact]
    public void A_text_that_does_not_end_takes_no_longer() => Assert.Equal(4_000_001, JsonText.Plain("\"" + string.Concat(Enumerable.Repeat("\\\"", 2_000_000))).Length);

    public static TheoryData<string> Encodings => new("utf-8", "utf-8 with a mark", "utf-16", "utf-16 big-endian", "utf-32");

    [Theory]
    [MemberData(nameof(Encodings))]
    public void A_configuration_is_read_in_any_encoding_and_with_a_NaN_that_nobody_needs(string encoding)
    {
        string folder = Path.Combine(AppContext.BaseDirectory, "Fixtures", "models", "hf_vjepa2"), config = File.ReadAllText(Path.Combine(folder, "config.json"));
        File.Copy(Path.Combine(folder, "model.safetensors"), Path.Combine(temporary.Folder, "model.safetensors"));
        Encoding form = encoding switch
        {
            "utf-8" => new UTF8Encoding(false),
            "utf-16" => Encoding.Unicode,
            "utf-16 big-endian" => Encoding.BigEndianUnicode,
            "utf-32" => Encoding.UTF32,
            _ => new UTF8Encoding(true),
        };
        string path = Path.Combine(temporary.Folder, "config.json");
        File.WriteAllText(path, config.Insert(config.IndexOf('{') + 1, "\"loss\": NaN, \"best\": -Infinity, "), form);
        ModelFile.Load(temporary.Folder, Device.Cpu).Dispose();
        File.WriteAllText(path, config.Insert(config.IndexOf('{') + 1, "\"layer_norm_eps\": NaN, ").Replace("\"layer_norm_eps\": 1e-06,", ""), form);
        Assert.Contains("layer_norm_eps is \"NaN\"; it is a number above 0",
            Assert.Throws<BadFileException>(() => ModelFile.Open(temporary.Folder)).Message);
    }

    [Fact]
    public void Bytes_that_are_no_text_are_refused()
    {
        File.WriteAllBytes(temporary.Path, [(byte)'{', 0xFF, 0xFE, (byte)'}']);
        Assert.StartsWith(temporary.Path + ": it cannot be read: ", Assert.Throws<BadFileException>(() => JsonText.ReadFile(temporary.Path)).Message);
    }

    [Fact]
    public void A_pipe_is_refused_unopened()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "mkfifo");
        using (Process make = Process.Start("mkfifo", temporary.Path))
            make.WaitForExit();
        Assert.Contains("it is a device or a pipe",
            Assert.Throws<BadFileException>(() => JsonText.ReadFile(temporary.Path)).Message);
    }

    [Theory]
    [InlineData("{\"metadata\": {\"total_size\": NaN}, \"weight_map\": {\"a\": \"s.safetensors\"}}")]
    [InlineData("{\"metadata\": {\"x\": [1, Infinity, -Infinity]}, \"weight_map\": {\"a\": \"s.safetensors\"}, \"n\": -Infinity}")]
    [InlineData("\uFEFF{\"metadata\": null, \"weight_map\": {\"a\": \"s.safetensors\"}}")]
    [InlineData("\uFEFF \n{\"weight_map\": {\"a\": \"s.safetensors\"}}")]
    public void An_index_is_read_with_a_mark_and_with_literals(string json)
    {
        Safetensors.Write(Path.Combine(temporary.Folder, "s.safetensors"), [("a", scope.Full([2], 3))]);
        // The literals at every place of the buffer that the index is read through.
        foreach (int spaces in new[] { 0, (1 << 16) - 30, (1 << 16) - 29, (1 << 16) - 28, (1 << 16) - 27, (1 << 16) - 26, (1 << 16) - 25 })
        {
            File.WriteAllText(temporary.Path, json.Insert(json.IndexOf('{') + 1, new string(' ', spaces)));
            using TensorFile file = TensorFile.Open(temporary.Path);
            Assert.Equal([3f, 3f], file.Read("a", scope).ToArray<float>());
        }
    }

    [Fact]
    public void Shards_that_disagree_about_their_notes_are_read()
    {
        Safetensors.Write(Path.Combine(temporary.Folder, "1.safetensors"), [("a", scope.Full([2], 3))],
            new Dictionary<string, string> { ["format"] = "pt", ["shard"] = "1" });
        Safetensors.Write(Path.Combine(temporary.Folder, "2.safetensors"), [("b", scope.Full([2], 4))],
            new Dictionary<string, string> { ["format"] = "pt", ["shard"] = "2", ["more"] = "x" });
        File.WriteAllText(temporary.Path, "{\"weight_map\": {\"a\": \"1.safetensors\", \"b\": \"2.safetensors\"}}");
        using TensorFile file = TensorFile.Open(temporary.Path);
        Assert.Equal([4f, 4f], file.Read("b", scope).ToArray<float>());
        Assert.Equal(["format pt", "more x"], file.Metadata.Select(note => $"{note.Key} {note.Value}").Order());
    }

    [Fact]
    public void Shards_may_be_pickles_and_not_indexes()
    {
        File.WriteAllBytes(Path.Combine(temporary.Folder, "pytorch_model-00001-of-00001.bin"),
            new PickleBytes().Op("}").Text("a").Tensor(6, 0, [2], [1]).Op("s").Zip(6));
        string index = Path.Combine(temporary.Folder, "pytorch_model.bin.index.json");
        File.WriteAllText(index, "{\"weight_map\": {\"a\": \"pytorch_model-00001-of-00001.bin\"}}");
        Assert.Equal(index, ModelFile.Weights(temporary.Folder));
        using (TensorFile file = TensorFile.Open(index))
        {
            Assert.Equal("PyTorch zip in 1 shards", file.Format);
            Assert.Equal([0f, 1f], file.Read("a", scope).ToArray<float>());
        }
        File.WriteAllText(index, $"{{\"weight_map\": {{\"a\": \"{Path.GetFileName(index)}\"}}}}");
        Assert.Contains("it is an index of other files", Assert.Throws<BadFileException>(() => TensorFile.Open(index)).Message);
    }
}
