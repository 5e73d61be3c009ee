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
        Assert.Equal(0, (new FileInfo(temporary.Path).Length - 8 - file.Entries.Values.Sum(e => e.Shape.Count * e.DType.Size())) % 8);
        Assert.Contains("no tensor 'a.weigth'; nearest is 'a.weight'", Assert.Throws<BadFileException>(() => file.Read("a.weigth", scope)).Message);
        Assert.Contains("'half' is [3, 4], but [4, 3] is needed", Assert.Throws<BadFileException>(() => file.ReadInto("half", scope.Zeros([4, 3]))).Message);
        Assert.Contains("'half' holds F16, but I32 is needed",
            Assert.Throws<BadFileException>(() => file.ReadInto("half", scope.Empty([3, 4], DType.I32))).Message);
        Assert.Contains("'int' holds I32, but F64 is needed", Assert.Throws<BadFileException>(() => file.ReadInto("int", scope.Zeros([1]))).Message);
    }

    [Theory]
    [InlineData(1e6, DType.F32, DType.F16, "'b' holds 1e+06, which is infinite in F16; take BF16 or F32")]
    [InlineData(1e6, DType.BF16, DType.F16, "'b' holds 999424, which is infinite in F16; take BF16 or F32")]
    [InlineData(-3.4e38, DType.F32, DType.BF16, "'b' holds -3.4e+38, which is infinite in BF16; take F32")]
    [InlineData(1e300, DType.F64, DType.F32, "'b' holds 1e+300, which is infinite in F32; take a smaller unit")]
    public void A_number_that_a_type_has_no_room_for_is_refused(double number, DType held, DType written, string message)
    {
        Tensor large = scope.Full([5, 3], number).To(held);
        (string, Tensor)[] tensors = [("a", scope.Zeros([2])), ("b", large)];
        Assert.Equal(message, Assert.Throws<NumericException>(() => Safetensors.Write(temporary.Path, tensors, floats: written)).Message);
        Assert.Equal(message, Assert.Throws<NumericException>(
            () => Safetensors.Write(temporary.Path, [("b", large.Transpose(0, 1))], floats: written)).Message);
        Assert.Empty(Directory.GetFiles(temporary.Folder));
        Safetensors.Write(temporary.Path, [("a", scope.Full([2], double.NaN)), ("b", scope.Full([2], 65504))], floats: written);
        using var file = new SafetensorsFile(temporary.Path);
        Assert.Equal(65504, file.Read("b", scope).ToArray<double>()[0], 32.0);
    }

    [Fact]
    public void A_number_that_the_destination_has_no_room_for_is_refused()
    {
        Safetensors.Write(temporary.Path, [("a", scope.Full([2, 3], 1e300))], floats: DType.F64);
        using var file = new SafetensorsFile(temporary.Path);
        using var narrow = new TensorScope(Device.Cpu, "narrow");
        Assert.Contains("'a' holds 1e+300, which is infinite in F32",
            Assert.Throws<BadFileException>(() => file.ReadInto("a", narrow.Zeros([2, 3]))).Message);
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
    [InlineData("A02 is wrong about byte 8", "")]
    [InlineData("A03 a header that starts with { is missing before byte 9", "[]")]
    [InlineData("A03 the JSON that should end at byte 12 is wrong about byte 10", "{} {")]
    [InlineData("A03 is wrong about byte 8", "\u0000")]
    [InlineData("A03 is wrong about byte", "{\"a\": {\"dtype\": \"F32\"")]
    [InlineData("A03 the { of 'a' is missing", "{\"a\": 1}")]
    [InlineData("A03 the dtype, shape or data_offsets of 'a' is missing", "{\"a\": {}}")]
    [InlineData("A03 the dtype of 'a' is missing", "{\"a\": {\"dtype\": 5, \"shape\": [2], \"data_offsets\": [0, 8]}}")]
    [InlineData("A03 data_offsets of 'a' is missing", "{\"a\": {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [0]}}")]
    [InlineData("A03 the shape of 'a' as at most 64 whole numbers", "{\"a\": {\"dtype\": \"F32\", \"shape\": [2.5], \"data_offsets\": [0, 10]}}")]
    [InlineData("A03 the shape of 'a' as at most 64 whole numbers", "{\"a\": {\"dtype\": \"F32\", \"shape\": [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"
        + "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,2], \"data_offsets\": [0, 8]}}")]
    [InlineData("A03 the text of the metadata 'config'", "{\"__metadata__\": {\"config\": 1}}")]
    [InlineData("A03 unknown or stands there twice: 'colour'", "{\"a\": {\"colour\": \"red\"}}")]
    [InlineData("A04 'a' stands there twice",
        "{\"a\": {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [0, 8]}, \"a\": {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [0, 8]}}")]
    [InlineData("A04 stands there twice: 'shape'", "{\"a\": {\"dtype\": \"F32\", \"shape\": [2], \"shape\": [2], \"data_offsets\": [0, 8]}}")]
    [InlineData("A04 'k' stands there twice", "{\"__metadata__\": {\"k\": \"\", \"k\": \"\"}}")]
    [InlineData("A05 'b' starts at byte 4, inside 'a'",
        "{\"a\": {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [0, 8]}, \"b\": {\"dtype\": \"F32\", \"shape\": [1], \"data_offsets\": [4, 8]}}")]
    [InlineData("A05 'a' starts at byte 4 instead of 0", "{\"a\": {\"dtype\": \"F32\", \"shape\": [1], \"data_offsets\": [4, 8]}}")]
    [InlineData("A05 'a' starts at byte 4611686018427387904 instead of 0",
        "{\"a\": {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [4611686018427387904, 4611686018427387912]}}")]
    [InlineData("A05 claims -8..0", "{\"a\": {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [-8, 0]}}")]
    [InlineData("A05 claims 8..0", "{\"a\": {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [8, 0]}}")]
    [InlineData("A06 tensors need 16 bytes, it has 8", "{\"a\": {\"dtype\": \"F32\", \"shape\": [4], \"data_offsets\": [0, 16]}}")]
    [InlineData("A06 tensors need 0 bytes, it has 8", "{}")]
    [InlineData("A07 needs 12 bytes, but claims 0..8", "{\"a\": {\"dtype\": \"F32\", \"shape\": [3], \"data_offsets\": [0, 8]}}")]
    [InlineData("A07 'a' has a dimension of -2", "{\"a\": {\"dtype\": \"F32\", \"shape\": [-2], \"data_offsets\": [0, 8]}}")]
    [InlineData("A07 'a' has a dimension of 1099511627776",
        "{\"a\": {\"dtype\": \"F32\", \"shape\": [1099511627776, 1099511627776], \"data_offsets\": [0, 8]}}")]
    // 2^128 elements: their bytes wrap to 0 in any integer of the machine.
    [InlineData("A07 more elements than any memory",
        "{\"a\": {\"dtype\": \"F32\", \"shape\": [1073741824,1073741824,1073741824,1073741824,256], \"data_offsets\": [0, 0]}}")]
    [InlineData("A09 holds 0; known are F64, F32", "{\"a\": {\"dtype\": \"0\", \"shape\": [2], \"data_offsets\": [0, 8]}}")]
    [InlineData("A10 is wrong about byte", "{\"a\": {\"shape\": [[[[[[8]]]]]]}}")]
    public void A_header_that_lies_is_caught(string message, string header) => Refused(message[4..], Bytes(header, Encoding.UTF8.GetByteCount(header)));

    /// <summary>Twenty times as many tensors as are read, and a name of a megabyte: refused at the first too many, without room for the rest.</summary>
    [Fact]
    public void A10_A_header_without_measure_costs_neither_its_memory_nor_its_time()
    {
        var header = new StringBuilder("{");
        for (int i = 0; i < 1_000_000; i++)
            header.Append($"\"{i}\":{{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}},");
        header[^1] = '}';
        File.WriteAllBytes(temporary.Path, Bytes(header.ToString(), header.Length));
        header.Clear();
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains("more than 50000 tensors", Assert.Throws<BadFileException>(() => new SafetensorsFile(temporary.Path)).Message);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64_000_000);

        string name = $"{{\"{new string('n', 1_000_000)}\":{{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[0,8]}}}}";
        File.WriteAllBytes(temporary.Path, Bytes(name, name.Length));
        BadFileException error = Assert.Throws<BadFileException>(() => new SafetensorsFile(temporary.Path));
        Assert.Contains("has 1000000 letters; at most 1024", error.Message);
        Assert.InRange(error.Message.Length, 1, 300);
    }

    [Fact]
    public void A11_A_padded_header_and_data_that_is_not_aligned_are_read()
    {
        const string header = "  {\"a\": {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [0, 8]}}   \n ";
        for (int pad = 0; pad < 4; pad++)
        {
            byte[] bytes = Bytes(header + new string(' ', pad), header.Length + pad);
            BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(bytes.Length - 4), 1.5f);
            File.WriteAllBytes(temporary.Path, bytes);
            using var file = new SafetensorsFile(temporary.Path);
            using var cpu = new TensorScope(Device.Cpu);
            Assert.Equal([0, 1.5f], file.Load("a", cpu).ToArray<float>());
            Assert.Equal([0, 1.5f], file.Read("a", scope).ToArray<float>());
        }
    }

    [Theory]
    [InlineData(ulong.MaxValue)]
    [InlineData((ulong)long.MaxValue)]
    [InlineData(100_000_001ul)]
    [InlineData(1000ul)]
    public void A_header_length_that_lies_is_caught(ulong length) => Refused($"the header claims {length} bytes", Bytes("{}", length));

    [Fact]
    public void A15_A_missing_file_and_a_folder_are_refused()
    {
        Assert.Contains("it cannot be read", Assert.Throws<BadFileException>(() => new SafetensorsFile(temporary.Path)).Message);
        Assert.Contains("it is a folder", Assert.Throws<BadFileException>(() => new SafetensorsFile(temporary.Folder)).Message);
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
