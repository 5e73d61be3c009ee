using System.IO.Compression;
using System.Runtime.InteropServices;
using JepaEngine.IO;
using JepaEngine.Memory;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Tests.IO;

public sealed class PickleFileTests : IDisposable
{
    private readonly TemporaryFile temporary = new();
    private readonly TensorScope scope = new(Device.Cpu, "test");

    public void Dispose()
    {
        scope.Dispose();
        temporary.Dispose();
    }

    /// <summary>-2, -1, 0, 1, 2, 3: what the fixtures' tensors count.</summary>
    private static readonly double[] Counted = [-2, -1, 0, 1, 2, 3];

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(5)]
    public void A_checkpoint_is_read_under_the_way_to_each_value(int protocol)
    {
        using TensorFile file = TensorFile.Open(Fixture.Of($"protocol{protocol}.pt"));
        Assert.Equal("PyTorch zip", file.Format);
        Assert.Equal(["classifiers.0.module.linear.weight", "classifiers.1.module.linear.weight", "encoder.module.backbone.blocks.0.attn.qkv.bias",
            "encoder.module.backbone.blocks.0.attn.qkv.weight", "layer.bias", "layer.weight"],
            file.Entries.Keys.Where(name => name.Split('.')[0] is "classifiers" or "encoder" or "layer").Order());
        Is(file, "encoder.module.backbone.blocks.0.attn.qkv.weight", [6, 2], [.. Counted, 4, 5, 6, 7, 8, 9]);
        Is(file, "classifiers.1.module.linear.weight", [2, 3], [10, 11, 12, 13, 14, 15]);
        Is(file, "parameter", [3], [-2, -1, 0]);
        Is(file, "noted", [3], [-2, -1, 0]);
        Is(file, "scalar", [], [7.5]);
        Is(file, "empty", [0, 3], []);
        // AdamW's first step of a gradient g: the moments are 0.1 g and 0.001 g^2; the input was 1.
        Is(file, "opt.state.0.step", [], [1]);
        Assert.Equal([0.1f, 0.1f, 0.1f, 0.1f], file.Read("opt.state.0.exp_avg", scope).ToArray<float>());
        Assert.Equal("0.25", file.Metadata["opt.param_groups.0.lr"]);
        Assert.Equal("1", file.Metadata["opt.param_groups.0.params.1"]);
    }

    [Fact]
    public void Views_are_read_through_their_strides_and_storages_are_shared()
    {
        using TensorFile file = TensorFile.Open(Fixture.Of("protocol2.pt"));
        double[] all = [.. Enumerable.Range(0, 24).Select(i => (double)i)];
        Is(file, "views.base", [4, 6], all);
        Is(file, "views.transposed", [6, 4], [.. Enumerable.Range(0, 24).Select(i => (double)(i % 4 * 6 + i / 4))]);
        Is(file, "views.slice", [2, 3], [8, 9, 10, 14, 15, 16]);
        Is(file, "views.row", [6], all[12..18]);
        Is(file, "views.element", [], [23]);
        Is(file, "views.repeated", [3], [6, 6, 6]);
        // The storage lies in the file once: what is written through one view is seen through the other.
        Tensor whole = file.Load("views.base", scope), row = file.Load("views.row", scope);
        whole.CopyFrom<float>(new float[24]);
        Assert.Equal(new float[6], row.ToArray<float>());
    }

    [Theory]
    [InlineData("f64", DType.F64)]
    [InlineData("f32", DType.F32)]
    [InlineData("f16", DType.F16)]
    [InlineData("bf16", DType.BF16)]
    [InlineData("i64", DType.I64)]
    [InlineData("i32", DType.I32)]
    [InlineData("i16", DType.I32)]
    [InlineData("i8", DType.I32)]
    [InlineData("u8", DType.U8)]
    [InlineData("bool", DType.U8)]
    public void Every_type_is_read(string name, DType dtype)
    {
        foreach (string path in new[] { "protocol4.pt", "dtypes.safetensors" })
        {
            using TensorFile file = TensorFile.Open(Fixture.Of(path));
            string key = path.EndsWith("pt", StringComparison.Ordinal) ? "dtypes." + name : name;
            Assert.Equal(dtype, file.Entries[key].DType);
            double[] expected = name switch { "u8" => [254, 255, 0, 1, 2, 3], "bool" => [1, 1, 0, 1, 1, 1], _ => Counted };
            Is(file, key, [2, 3], expected);
            Assert.Equal(expected, file.Load(key, scope).ToArray<double>());
        }
    }

    [Fact]
    public void Numbers_and_texts_are_metadata()
    {
        using TensorFile file = TensorFile.Open(Fixture.Of("protocol2.pt"));
        Dictionary<string, string> expected = new()
        {
            ["epoch"] = "300", ["loss"] = "0.5", ["lr"] = "0.125", ["name"] = "vit_huge", ["frozen"] = "true", ["large"] = "1180591620717411303424",
            ["negative"] = "-129", ["size.0"] = "3", ["size.1"] = "224", ["device"] = "cpu", ["steps.0"] = "1", ["steps.1"] = "2", ["pair.0"] = "1",
            ["pair.1"] = "two", ["args.depth"] = "12", ["args.data.crop"] = "224",
        };
        Assert.Equal(expected.OrderBy(item => item.Key),
            file.Metadata.Where(item => !item.Key.StartsWith("opt.", StringComparison.Ordinal)).OrderBy(item => item.Key));
    }

    /// <summary>A row that is repeated, one that overlaps, and columns with a gap; the element 5 is no
    /// number.</summary>
    [Theory]
    [InlineData(0, new long[] { 1000, 5 }, new long[] { 0, 1 }, true)]
    [InlineData(0, new long[] { 1000, 6 }, new long[] { 0, 1 }, false)]
    [InlineData(0, new long[] { 3, 3 }, new long[] { 1, 1 }, true)]
    [InlineData(1, new long[] { 3, 3 }, new long[] { 1, 1 }, false)]
    [InlineData(1, new long[] { 2, 2 }, new long[] { 1, 6 }, true)]
    [InlineData(3, new long[] { 2, 2 }, new long[] { 6, 2 }, false)]
    public void What_is_not_finite_is_found_in_views_where_they_lie(
        long offset, long[] shape, long[] strides, bool finite)
    {
        float[] stored = [.. Enumerable.Range(0, 12).Select(i => i == 5 ? float.NaN : i)];
        byte[] pickle = new PickleBytes().Tensor(12, offset, shape, strides).Ended;
        File.WriteAllBytes(temporary.Path, PickleBytes.Zip(CompressionLevel.NoCompression, ("a/data.pkl", pickle),
            ("a/data/0", MemoryMarshal.AsBytes<float>(stored).ToArray())));
        using TensorFile file = TensorFile.Open(temporary.Path);
        Assert.Equal(finite ? [] : ["tensor"], file.NonFinite());
    }

    [Fact]
    public void A_tensor_that_is_all_of_a_file_is_called_so()
    {
        File.WriteAllBytes(temporary.Path, new PickleBytes().Tensor(6, 2, [2, 2], [2, 1]).Zip(6));
        using TensorFile file = TensorFile.Open(temporary.Path);
        Is(file, "tensor", [2, 2], [2, 3, 4, 5]);
    }

    [Fact]
    public void A_deflated_file_is_read_by_copy()
    {
        using TensorFile file = TensorFile.Open(Fixture.Of("deflated.pt"));
        Is(file, "w", [2, 3], Counted);
        Assert.Equal(Counted, file.Load("w", scope).ToArray<double>());
    }

    [Fact]
    public void B01_A_function_is_named_and_not_run()
    {
        File.Delete("/tmp/jepa-payload");
        Assert.Contains("it names posix.system, which is no tensor data; nothing of it was run",
            Assert.Throws<BadFileException>(() => TensorFile.Open(Fixture.Of("payload.pt"))).Message);
        Assert.False(File.Exists("/tmp/jepa-payload"));
        foreach ((string module, string name) in new[]
            { ("os", "system"), ("builtins", "eval"), ("torch.storage", "_load_from_bytes"), ("torch", "load"), ("collections", "OrderedDict.fromkeys") })
        {
            Refused($"it names {module}.{name}", new PickleBytes().Global(module, name).Zip());
            Refused($"it names {module}.{name}", new PickleBytes().Text(module).Text(name).Op(0x93).Zip());
        }
        Refused("torch.FloatStorage is no function", new PickleBytes().Global("torch", "FloatStorage").Op(")R").Zip());
        // INST, OBJ and EXT make objects in other ways.
        foreach (string operation in new[] { "(ios\nsystem\n", "(co\ns\no", "\u0082\u0001" })
            Refused("it", new PickleBytes().Op(operation.Select(letter => (byte)letter).ToArray()).Zip());
    }

    [Theory]
    [InlineData("B03 its storage of 6 elements", 6, 0, new long[] { 7 }, new long[] { 1 })]
    [InlineData("B03 its storage of 6 elements", 6, 1, new long[] { 2, 3 }, new long[] { 3, 1 })]
    [InlineData("B03 its storage of 6 elements", 6, 0, new long[] { 2, 3 }, new long[] { 4, 1 })]
    [InlineData("B03 its storage of 6 elements", 6, 0, new long[] { 2147483647, 2 }, new long[] { long.MaxValue, long.MaxValue })]
    [InlineData("B03 its storage of 6 elements", 6, long.MaxValue, new long[] { 2 }, new long[] { 1 })]
    [InlineData("B03 a storage of 7 elements, but the file has 24 bytes", 7, 0, new long[] { 7 }, new long[] { 1 })]
    [InlineData("B03 a storage of 9223372036854775807 elements", long.MaxValue, 0, new long[] { 1 }, new long[] { 1 })]
    [InlineData("B03 strides or an offset that cannot be", 6, 0, new long[] { 2 }, new long[] { -1 })]
    [InlineData("B03 strides or an offset that cannot be", 6, -1, new long[] { 2 }, new long[] { 1 })]
    [InlineData("B03 strides or an offset that cannot be", 6, 0, new long[] { 2, 3 }, new long[] { 1 })]
    [InlineData("A07 has a dimension of -1", 6, 0, new long[] { -1 }, new long[] { 1 })]
    [InlineData("A07 has a dimension of 4294967296", 6, 0, new long[] { 1L << 32 }, new long[] { 0 })]
    // One element that claims to be 2^30: no file of that size asks for 4 GB.
    [InlineData("B02 need 4294967296 bytes once read", 6, 0, new long[] { 1 << 30 }, new long[] { 0 })]
    public void A_view_outside_its_storage_is_refused(string message, long stored, long offset, long[] shape, long[] strides) =>
        Refused(message[4..], new PickleBytes().Tensor(stored, offset, shape, strides).Zip(6));

    [Fact]
    public void B04_Nesting_and_repetition_without_measure_are_refused()
    {
        // A list in itself.
        Refused("more than 32 deep", new PickleBytes().Op("]q").Op(0).Op("h").Op(0).Op("a").Zip());
        Refused("more than 32 deep", new PickleBytes().Op(new string(']', 100_000) + new string('a', 99_999)).Zip());
        // Ten lists of ten of the one before: 10^10 values in 300 bytes.
        PickleBytes laughs = new PickleBytes().Op("]q").Op(0).Op("Na");
        for (byte i = 1; i <= 10; i++)
        {
            laughs.Op("](");
            for (int j = 0; j < 10; j++)
                laughs.Op("h").Op((byte)(i - 1));
            laughs.Op("eq").Op(i);
        }
        Refused("takes more than 40 MB of memory", laughs.Zip());
        Refused("of memory, too much for a file of its size", new PickleBytes().Op(new string('N', 5_000_000)).Zip());
        // 300 names of a megabyte from one.
        PickleBytes names = new PickleBytes().Op("}").Text(new string('n', 1_000_000)).Op("](").Op(new string('N', 300)).Op("es");
        Refused("names too long", names.Zip());
        // A whole number of 64 KiB would take seconds to print.
        Refused("a whole number of 65536 bytes", new PickleBytes().Op(0x8B, 0, 0, 1, 0).Op(new byte[65536]).Zip());
    }

    [Fact]
    public void A_damaged_pickle_is_refused()
    {
        Refused("its pickle has no end", PickleBytes.Zip(CompressionLevel.NoCompression, ("a/data.pkl", [0x80, 2, (byte)'N'])));
        Refused("damaged before byte 3", new PickleBytes().Op("a").Zip());
        Refused("the operation 0x70 at byte 2", new PickleBytes().Op("p0\n").Zip());
        Refused("a PickledGlobal is missing", new PickleBytes().Op("NNR").Zip());
        Refused("protocol 1", PickleBytes.Zip(CompressionLevel.NoCompression, ("a/data.pkl", [0x80, 1, (byte)'N', (byte)'.'])));
        Refused("a persistent id is no storage", new PickleBytes().Op("(").Text("module").Op("tQ").Zip());
        Refused("which the file does not have", PickleBytes.Zip(CompressionLevel.NoCompression,
            ("a/data.pkl", new PickleBytes().Tensor(1, 0, [1], [1]).Ended)));
        Refused("a key that is no text or number", new PickleBytes().Op("}NNs").Zip());
        Refused("'a' stands there twice", new PickleBytes().Op("}(").Text("a").Number(1).Text("a").Number(2).Op("u").Zip());
    }

    [Theory]
    [InlineData("legacy.pt", "from before 1.6; in Python: torch.save(torch.load(path")]
    [InlineData("script.pt", "it is a TorchScript program; in Python: torch.save(torch.jit.load(path).state_dict()")]
    [InlineData("big_endian.pt", "written on a big-endian machine")]
    public void B05_What_is_not_read_says_how_it_can_be(string name, string message) =>
        Assert.Contains(message, Assert.Throws<BadFileException>(() => TensorFile.Open(Fixture.Of(name))).Message);

    [Fact]
    public void B05_Files_that_are_something_else_are_named()
    {
        byte[] tar = new byte[1024];
        "ustar"u8.CopyTo(tar.AsSpan(257));
        Refused("it is a tar archive", tar);
        Refused("run git lfs pull", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"u8.ToArray());
        Refused("it is a web page", "<!DOCTYPE html>"u8.ToArray());
        Refused("it is no file of weights that is known", "hello, world"u8.ToArray());
    }

    private void Is(TensorFile file, string name, Shape shape, double[] expected)
    {
        Tensor tensor = file.Read(name, scope);
        Assert.Equal(shape, tensor.Shape);
        Assert.Equal(expected, tensor.ToArray<double>());
    }

    private void Refused(string message, byte[] bytes)
    {
        File.WriteAllBytes(temporary.Path, bytes);
        BadFileException error = Assert.Throws<BadFileException>(() => TensorFile.Open(temporary.Path));
        Assert.StartsWith(temporary.Path, error.Message);
        Assert.Contains(message, error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }
}
