using System.Buffers.Binary;
using System.Text;
using JepaEngine.IO;
using JepaEngine.Memory;
using JepaEngine.Ops;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Tests.IO;

public sealed class SafetensorsTests : IDisposable
{
    private readonly TemporaryFile temporary = new();
    private readonly TensorScope scope = new(Device.Reference, "test");

    public void Dispose()
    {
        scope.Dispose();
        temporary.Dispose();
    }

    [Fact]
    public void What_is_written_is_read()
    {
        Tensor matrix = scope.RandomNormal([3, 4], new PhiloxKey(1));
        (string, Tensor)[] tensors =
        [
            ("a.weight", matrix.Transpose(0, 1)), ("скаляр \"1\"", scope.Full([], 2)), ("empty", scope.Zeros([0, 3])),
            ("half", matrix.To(DType.F16)), ("brain", matrix.To(DType.BF16)),
            ("long", scope.FromRaw<long>([long.MaxValue, -1], [2])), ("int", scope.FromRaw<int>([-5], [1])), ("byte", scope.FromRaw<byte>([255], [1])),
        ];
        Safetensors.Write(temporary.Path, tensors, new Dictionary<string, string> { ["config"] = "{\"x\": 1}" });
        using var file = new SafetensorsFile(temporary.Path);
        Assert.Equal("{\"x\": 1}", file.Metadata["config"]);
        Assert.Equal(tensors.Select(t => t.Item1).Order(), file.Entries.Keys.Order());
        foreach ((string name, Tensor tensor) in tensors)
        {
            Tensor read = file.Read(name, scope);
            Assert.True(read.Shape == tensor.Shape, name);
            if (tensor.DType is DType.I64 or DType.I32 or DType.U8)
                Assert.Equal(tensor.ToArray<long>(), read.ToArray<long>());
            else
                Assert.Equal(tensor.ToArray<float>(), read.ToArray<float>());
        }
        Assert.Equal(0, (new FileInfo(temporary.Path).Length - 8 - file.Entries.Values.Sum(e => e.Length)) % 8);
        Assert.Contains("no tensor 'a.weigth'; nearest is 'a.weight'", Assert.Throws<BadFileException>(() => file.Read("a.weigth", scope)).Message);
        Assert.Contains("'half' is [3, 4], but [4, 3] is needed", Assert.Throws<BadFileException>(() => file.ReadInto("half", scope.Zeros([4, 3]))).Message);
        Assert.Contains("'int' holds I32", Assert.Throws<BadFileException>(() => file.ReadInto("int", scope.Zeros([1]))).Message);
    }

    [Fact]
    public void Every_truncation_and_every_appended_byte_is_noticed()
    {
        Safetensors.Write(temporary.Path, [("a", scope.Full([2, 3], 1)), ("b", scope.FromRaw<byte>([1], [1]))]);
        byte[] whole = File.ReadAllBytes(temporary.Path);
        for (int length = 0; length < whole.Length; length++)
        {
            File.WriteAllBytes(temporary.Path, whole[..length]);
            BadFileException error = Assert.Throws<BadFileException>(() => new SafetensorsFile(temporary.Path));
            Assert.Equal(temporary.Path, error.Path);
            Assert.DoesNotContain('\n', error.Message);
        }
        File.WriteAllBytes(temporary.Path, [.. whole, 0]);
        Assert.Throws<BadFileException>(() => new SafetensorsFile(temporary.Path));
    }

    [Theory]
    [InlineData("the header is no safetensors header", "[]")]
    [InlineData("the header is no safetensors header", "{\"a\": 1}")]
    [InlineData("the header is no safetensors header", "{\"a\": {}}")]
    [InlineData("the header is no safetensors header", "{\"a\": {\"dtype\": 5, \"shape\": [2], \"data_offsets\": [0, 8]}}")]
    [InlineData("the header is no safetensors header", "{\"a\": {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [0]}}")]
    [InlineData("the header is no safetensors header", "{\"a\": {\"dtype\": \"F32\", \"shape\": [2.5], \"data_offsets\": [0, 10]}}")]
    [InlineData("the header is no safetensors header", "{\"a\": {\"dtype\": \"F32\", \"shape\": [1,1,1,1,1,1,2], \"data_offsets\": [0, 8]}}")]
    [InlineData("the header is no safetensors header", "{\"a\": {\"dtype\": \"F32\", \"shape\": [-2], \"data_offsets\": [0, 8]}}")]
    [InlineData("the header is no safetensors header", "{\"a\": {\"dtype\": \"F32\", \"shape\": [99999999999], \"data_offsets\": [0, 8]}}")]
    [InlineData("the header is no safetensors header", "{\"__metadata__\": {\"config\": 1}}")]
    [InlineData("the header is no safetensors header", "{\"a\": {\"dtype\": \"F32\"")]
    // 2^128 elements: their bytes wrap to 0 in any integer of the machine.
    [InlineData("more elements than any memory", "{\"a\": {\"dtype\": \"F32\", \"shape\": [1073741824,1073741824,1073741824,1073741824,256], \"data_offsets\": [0, 0]}}")]
    [InlineData("holds F8_E4M3; known are F32", "{\"a\": {\"dtype\": \"F8_E4M3\", \"shape\": [8], \"data_offsets\": [0, 8]}}")]
    [InlineData("holds 0; known are F32", "{\"a\": {\"dtype\": \"0\", \"shape\": [2], \"data_offsets\": [0, 8]}}")]
    [InlineData("claims -8..0", "{\"a\": {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [-8, 0]}}")]
    [InlineData("claims 8..0", "{\"a\": {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [8, 0]}}")]
    [InlineData("needs 12 bytes, but claims 0..8", "{\"a\": {\"dtype\": \"F32\", \"shape\": [3], \"data_offsets\": [0, 8]}}")]
    [InlineData("tensors need 16 bytes, it has 8", "{\"a\": {\"dtype\": \"F32\", \"shape\": [4], \"data_offsets\": [0, 16]}}")]
    [InlineData("'a' starts at byte 4611686018427387904 instead of 0",
        "{\"a\": {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [4611686018427387904, 4611686018427387912]}}")]
    [InlineData("'b' starts at byte 4 instead of 8",
        "{\"a\": {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [0, 8]}, \"b\": {\"dtype\": \"F32\", \"shape\": [1], \"data_offsets\": [4, 8]}}")]
    [InlineData("'a' starts at byte 4 instead of 0", "{\"a\": {\"dtype\": \"F32\", \"shape\": [1], \"data_offsets\": [4, 8]}}")]
    [InlineData("tensors need 0 bytes, it has 8", "{}")]
    [InlineData("'a' stands twice",
        "{\"a\": {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [0, 8]}, \"a\": {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [0, 8]}}")]
    public void A_header_that_lies_is_caught(string message, string header) => Refused(message, Bytes(header, Encoding.UTF8.GetByteCount(header)));

    [Theory]
    [InlineData(ulong.MaxValue)]
    [InlineData((ulong)long.MaxValue)]
    [InlineData(100_000_001ul)]
    [InlineData(1000ul)]
    public void A_header_length_that_lies_is_caught(ulong length) => Refused($"the header claims {length} bytes", Bytes("{}", length));

    [Fact]
    public void A_missing_file_and_a_folder_are_refused()
    {
        Assert.Contains("it cannot be read", Assert.Throws<BadFileException>(() => new SafetensorsFile(temporary.Path)).Message);
        Assert.Contains("it cannot be read", Assert.Throws<BadFileException>(() => new SafetensorsFile(temporary.Folder)).Message);
    }

    [Fact]
    public void A_refused_file_is_let_go()
    {
        File.WriteAllBytes(temporary.Path, Bytes("{}", 1000));
        Assert.Throws<BadFileException>(() => new SafetensorsFile(temporary.Path));
        if (File.Exists("/proc/self/maps"))
            Assert.DoesNotContain(temporary.Path, File.ReadAllText("/proc/self/maps"));
    }

    [Fact]
    public void A_writer_that_fails_leaves_the_earlier_file_and_nothing_else()
    {
        File.WriteAllText(temporary.Path, "earlier");
        var gone = new TensorScope(Device.Reference);
        Tensor disposed = gone.Zeros([2]);
        gone.Dispose();
        Assert.Throws<ObjectDisposedException>(() => Safetensors.Write(temporary.Path, [("a", scope.Zeros([1000])), ("b", disposed)]));
        Assert.Equal("earlier", File.ReadAllText(temporary.Path));
        Assert.Single(Directory.GetFileSystemEntries(temporary.Folder));
        AtomicFile.WriteText(temporary.Path, "later");
        Assert.Equal("later", File.ReadAllText(temporary.Path));
        Assert.Single(Directory.GetFileSystemEntries(temporary.Folder));
    }

    /// <summary>A file with 8 bytes of data.</summary>
    private static byte[] Bytes(string header, ulong length)
    {
        byte[] prefix = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(prefix, length);
        return [.. prefix, .. Encoding.UTF8.GetBytes(header), .. new byte[8]];
    }

    private static byte[] Bytes(string header, int length) => Bytes(header, (ulong)length);

    private void Refused(string message, byte[] bytes)
    {
        File.WriteAllBytes(temporary.Path, bytes);
        BadFileException error = Assert.Throws<BadFileException>(() => new SafetensorsFile(temporary.Path));
        Assert.StartsWith(temporary.Path, error.Message);
        Assert.Contains(message, error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }
}
