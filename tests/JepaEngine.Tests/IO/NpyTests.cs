using System.Text;
using JepaEngine.IO;
using JepaEngine.Memory;
using JepaEngine.Ops;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Tests.IO;

public sealed class NpyTests : IDisposable
{
    private readonly TemporaryFile temporary = new();
    private readonly TensorScope scope = new(Device.Cpu, "test");

    public void Dispose()
    {
        scope.Dispose();
        temporary.Dispose();
    }

    [Theory]
    [InlineData("stored.npz")]
    [InlineData("deflated.npz")]
    public void An_archive_of_numpy_is_read(string name)
    {
        using TensorFile file = TensorFile.Open(Fixture.Of(name));
        Assert.Equal("npz", file.Format);
        Dictionary<string, DType> types = new()
        {
            ["f64"] = DType.F64, ["f32"] = DType.F32, ["f16"] = DType.F16, ["i64"] = DType.I64, ["i32"] = DType.I32, ["i16"] = DType.I32, ["i8"] = DType.I32,
            ["u8"] = DType.U8, ["bool"] = DType.U8, ["fortran"] = DType.F32,
        };
        foreach ((string key, DType type) in types)
        {
            Assert.Equal(type, file.Entries[key].DType);
            double[] expected = key switch { "u8" => [254, 255, 0, 1, 2, 3], "bool" => [1, 1, 0, 1, 1, 1], _ => [-2, -1, 0, 1, 2, 3] };
            Tensor read = file.Read(key, scope);
            Assert.Equal(new Shape(2, 3), read.Shape);
            Assert.Equal(expected, read.ToArray<double>());
            Assert.Equal(expected, file.Load(key, scope).ToArray<double>());
        }
        Assert.Equal(7.5, file.Read("scalar", scope).Item());
        Assert.Equal(new Shape(0, 3), file.Read("empty", scope).Shape);
        if (name == "deflated.npz")
            Assert.Equal(Enumerable.Range(0, 5000).Select(i => (double)i), file.Read("long", scope).ToArray<double>());
    }

    [Theory]
    [InlineData("array.npy")]
    [InlineData("version2.npy")]
    [InlineData("version3.npy")]
    public void An_array_of_each_version_is_read(string name)
    {
        using TensorFile file = TensorFile.Open(Fixture.Of(name));
        Assert.Equal("npy", file.Format);
        Assert.Equal([-2, -1, 0, 1, 2, 3], file.Load("tensor", scope).ToArray<double>());
    }

    [Theory]
    [InlineData("objects.npy", "'tensor' holds Python objects")]
    [InlineData("big_endian.npy", "holds >f4, big-endian numbers; in Python: array.astype")]
    [InlineData("complex.npy", "holds <c8; known are <f8")]
    [InlineData("records.npy", "holds records of several fields")]
    public void What_is_no_tensor_says_why(string name, string message) =>
        Assert.Contains(message, Assert.Throws<BadFileException>(() => TensorFile.Open(Fixture.Of(name))).Message);

    [Fact]
    public void What_is_written_is_read()
    {
        (string, Tensor)[] tensors =
        [
            ("matrix", scope.From<float>([1, 2, 3, 4, 5, 6], [2, 3])), ("turned", scope.From<float>([1, 2, 3, 4, 5, 6], [2, 3]).Transpose(0, 1)),
            ("half", scope.Full([3], 0.5).To(DType.F16)), ("brain", scope.Full([3], 0.25).To(DType.BF16)), ("scalar", scope.Full([], 2)),
            ("empty", scope.Zeros([2, 0])), ("long", scope.FromRaw<long>([long.MaxValue, -1], [2])), ("byte", scope.FromRaw<byte>([255], [1])),
        ];
        Npy.WriteArchive(temporary.Path, tensors);
        using (TensorFile file = TensorFile.Open(temporary.Path))
        {
            foreach ((string name, Tensor tensor) in tensors)
            {
                Assert.Equal(tensor.Shape, file.Entries[name].Shape);
                Assert.Equal(tensor.ToArray<double>(), file.Read(name, scope).ToArray<double>());
            }
            Assert.Equal([long.MaxValue, -1], file.Read("long", scope).ToArray<long>());
        }
        Npy.Write(temporary.Path, tensors[1].Item2);
        using (TensorFile file = TensorFile.Open(temporary.Path))
            Assert.Equal([1, 4, 2, 5, 3, 6], file.Load("tensor", scope).ToArray<float>());
        Assert.Throws<ArgumentException>(() => Npy.WriteArchive(temporary.Path, [tensors[0], tensors[0]]));
    }

    [Theory]
    [InlineData("has no npy header about letter 0", "hello")]
    [InlineData("has no npy header", "{'descr': '<f4', 'fortran_order': False, }")]
    [InlineData("has no npy header", "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,), }")]
    [InlineData("has no npy header", "{'descr': '<f4', 'fortran_order': Maybe, 'shape': (2,), }")]
    [InlineData("has no npy header", "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }")]
    [InlineData("has no npy header", "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }")]
    [InlineData("has no npy header", "{'descr': '<f4")]
    [InlineData("has a dimension of 4294967296", "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296,), }")]
    [InlineData("more elements than any memory", "{'descr': '<f4', 'fortran_order': False, 'shape': (2147483647, 2147483647, 2147483647), }")]
    [InlineData("needs 12 bytes, but has 8", "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }")]
    public void A_header_that_lies_is_caught(string message, string header)
    {
        File.WriteAllBytes(temporary.Path, [0x93, .. "NUMPY"u8, 1, 0, (byte)header.Length, 0, .. Encoding.ASCII.GetBytes(header), .. new byte[8]]);
        Assert.Contains(message, Assert.Throws<BadFileException>(() => TensorFile.Open(temporary.Path)).Message);
    }

    [Fact]
    public void Every_truncation_is_noticed()
    {
        foreach (string name in new[] { "array.npy", "deflated.npz", "protocol4.pt" })
        {
            byte[] whole = File.ReadAllBytes(Fixture.Of(name));
            for (int length = 0; length < whole.Length; length += 1 + whole.Length / 500)
            {
                File.WriteAllBytes(temporary.Path, whole[..length]);
                Assert.Throws<BadFileException>(() => TensorFile.Open(temporary.Path));
            }
        }
    }
}
