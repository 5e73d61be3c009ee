using JepaEngine.IO;
using JepaEngine.Memory;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Tests.IO;

public sealed class ShardedFileTests : IDisposable
{
    private const string Index = "model.safetensors.index.json";

    private readonly TemporaryFile temporary = new();
    private readonly TensorScope scope = new(Device.Cpu, "test");

    public void Dispose()
    {
        scope.Dispose();
        temporary.Dispose();
    }

    [Fact]
    public void Shards_that_huggingface_wrote_are_one_file()
    {
        using TensorFile file = TensorFile.Open(Fixture.Of($"sharded/{Index}"));
        Assert.Equal("safetensors in 2 shards", file.Format);
        for (int i = 0; i < 3; i++)
            Assert.Equal(Enumerable.Range(i, 128).Select(x => (float)x), file.Load($"blocks.{i}.weight", scope).ToArray<float>());
        Assert.Equal(3, file.Entries.Count);
    }

    [Fact]
    public void What_is_cut_is_one_again()
    {
        List<(string, Tensor)> tensors = [.. Enumerable.Range(0, 5).Select(i => ($"t{i}", scope.Full([100], i)))];
        Safetensors.WriteFolder(temporary.Folder, tensors, DType.BF16, shardSize: 450);
        Assert.Equal(["model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors", "model-00003-of-00003.safetensors", Index],
            Directory.GetFiles(temporary.Folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Contains("\"total_size\": 1000", File.ReadAllText(Path.Combine(temporary.Folder, Index)));
        using (TensorFile file = TensorFile.Open(Path.Combine(temporary.Folder, Index)))
        {
            Assert.Equal("pt", file.Metadata["format"]);
            foreach ((string name, Tensor tensor) in tensors)
            {
                Assert.Equal(DType.BF16, file.Entries[name].DType);
                Assert.Equal(tensor.ToArray<float>(), file.Read(name, scope).ToArray<float>());
            }
        }
        Safetensors.WriteFolder(Path.Combine(temporary.Folder, "small"), tensors);
        Assert.Equal(["model.safetensors"], Directory.GetFiles(Path.Combine(temporary.Folder, "small")).Select(Path.GetFileName));
        Assert.Throws<ArgumentException>(() => Safetensors.WriteFolder(temporary.Folder, tensors, DType.I32));
    }

    [Fact]
    public void A_model_that_cannot_be_written_leaves_the_earlier_one()
    {
        var gone = new TensorScope(Device.Cpu);
        (string, Tensor)[] tensors = [("a", scope.Full([100], 1)), ("b", gone.Full([100], 2))];
        Safetensors.WriteFolder(temporary.Folder, tensors, shardSize: 400);
        Dictionary<string, byte[]> before = Directory.GetFiles(temporary.Folder).ToDictionary(path => path, File.ReadAllBytes);
        gone.Dispose();
        Assert.Throws<ObjectDisposedException>(() => Safetensors.WriteFolder(temporary.Folder, tensors, shardSize: 400));
        Assert.Equal(before, Directory.GetFiles(temporary.Folder).ToDictionary(path => path, File.ReadAllBytes));
    }

    [Theory]
    [InlineData("../secret.safetensors")]
    [InlineData("/etc/passwd")]
    [InlineData("a/b.safetensors")]
    [InlineData("a\\b.safetensors")]
    [InlineData("..")]
    [InlineData("")]
    public void A16_A_shard_outside_the_folder_is_refused(string shard) =>
        Refused("is no name of a file beside it", $"{{\"weight_map\": {{\"a\": \"{shard.Replace("\\", "\\\\")}\"}}}}");

    [Fact]
    public void A16_Everything_that_is_missing_is_listed()
    {
        Refused("2 of its 3 shards are missing: x.safetensors, y.safetensors",
            "{\"weight_map\": {\"a\": \"x.safetensors\", \"b\": \"y.safetensors\", \"c\": \"z.safetensors\"}}");
        Refused("2 tensors are not where it says: a in z.safetensors, b in z.safetensors",
            "{\"weight_map\": {\"a\": \"z.safetensors\", \"b\": \"z.safetensors\"}}");
        Safetensors.Write(Path.Combine(temporary.Folder, "two.safetensors"), [("y", scope.Zeros([1])), ("x", scope.Zeros([1]))]);
        Refused("its shards hold 1 tensors that it does not name: x",
            "{\"metadata\": {\"total\": [1, {}]}, \"weight_map\": {\"y\": \"two.safetensors\"}, \"a\": 0}");
    }

    [Theory]
    [InlineData("it is JSON without a 'weight_map'", "{\"a\": {}}")]
    [InlineData("'weight_map' stands there twice", "{\"weight_map\": {}, \"weight_map\": {}}")]
    [InlineData("'a' stands in its weight_map twice", "{\"weight_map\": {\"a\": \"z.safetensors\", \"a\": \"z.safetensors\"}}")]
    [InlineData("the name of a file in weight_map", "{\"weight_map\": {\"a\": 1}}")]
    [InlineData("the { of weight_map", "{\"weight_map\": []}")]
    [InlineData("is wrong about byte", "{\"weight_map\": {}")]
    [InlineData("is wrong about byte", "{\"weight_map\": {}} {}")]
    [InlineData("is wrong about byte", "{\"metadata\": [[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]}")]
    public void An_index_that_is_none_is_refused(string message, string json) => Refused(message, json);

    private void Refused(string message, string json)
    {
        Safetensors.Write(Path.Combine(temporary.Folder, "z.safetensors"), [("z", scope.Zeros([1]))]);
        File.WriteAllText(temporary.Path, json);
        BadFileException error = Assert.Throws<BadFileException>(() => TensorFile.Open(temporary.Path));
        Assert.StartsWith(temporary.Path, error.Message);
        Assert.Contains(message, error.Message);
    }
}
