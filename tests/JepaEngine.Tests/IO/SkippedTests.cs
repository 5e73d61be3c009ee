using JepaEngine.IO;
using JepaEngine.Memory;
using JepaEngine.Primitives;

namespace JepaEngine.Tests.IO;

/// <summary>Tensors of types and ranks that the engine does not have, beside one that it has.</summary>
public sealed class SkippedTests
{
    [Theory]
    [InlineData("odd.pt", "u16 holds uint16,u32 holds uint32,u64 holds uint64,e4m3 holds float8_e4m3fn,e5m2 holds float8_e5m2,"
        + "c64 holds complex64,c128 holds complex128,deep has 7 dimensions")]
    [InlineData("odd.safetensors", "u16 holds U16,u32 holds U32,u64 holds U64,e4m3 holds F8_E4M3,e5m2 holds F8_E5M2,c64 holds C64,deep has 7 dimensions")]
    [InlineData("odd.npz", "u16 holds <u2; known are,c64 holds <c8; known are,s holds <U2; known are,o holds Python objects,big holds >f4, big-endian,"
        + "deep has 7 dimensions,rec holds records of several fields")]
    public void They_are_listed_and_the_rest_is_read(string name, string skipped)
    {
        using TensorFile file = TensorFile.Open(Fixture.Of(name));
        using var scope = new TensorScope(Device.Cpu, "test");
        Assert.Equal(["f32"], file.Entries.Keys);
        Assert.Equal([0, 1, 2, 3, 4, 5], file.Load("f32", scope).ToArray<float>());
        Assert.Empty(file.NonFinite());
        string[] found = [.. file.Skipped.Select(tensor => $"{tensor.Key} {tensor.Value}").Order(StringComparer.Ordinal)];
        string[] expected = [.. skipped.Replace(", big", "; big").Split(',').Order(StringComparer.Ordinal).Select(line => line.Replace("; big", ", big"))];
        Assert.Equal(expected.Length, found.Length);
        Assert.All(expected.Zip(found), pair => Assert.StartsWith(pair.First, pair.Second));
        string message = Assert.Throws<BadFileException>(() => file.Read("deep", scope)).Message;
        Assert.EndsWith("'deep' has 7 dimensions, which is not read; save it as F32, with at most 6 dimensions", message);
    }

    /// <summary>Version 3 of PyTorch's tensors, of a type that the engine has: bytes without a type, and the type
    /// beside them.</summary>
    [Fact]
    public void Bytes_with_their_type_beside_them_are_read()
    {
        using var temporary = new TemporaryFile();
        foreach ((string type, double[] expected) in new[] { ("float32", new double[] { 1, 2, 3 }), ("uint16", []) })
        {
            File.WriteAllBytes(temporary.Path, new PickleBytes().Op("}").Text("w").Global("torch._utils", "_rebuild_tensor_v3").Op("((")
                .Text("storage").Global("torch.storage", "UntypedStorage").Text("0").Text("cpu").Number(24).Op("tQ").Number(1).Tuple(3).Tuple(1)
                .Op(0x89).Global("collections", "OrderedDict").Op(")R").Global("torch", type).Op("tRs").Zip(6));
            using TensorFile file = TensorFile.Open(temporary.Path);
            using var scope = new TensorScope(Device.Cpu, "test");
            Assert.Equal(expected, file.Entries.ContainsKey("w") ? file.Read("w", scope).ToArray<double>() : []);
            Assert.Equal(expected.Length == 0, file.Skipped.ContainsKey("w"));
        }
    }

    /// <summary>tensor.imag of a conjugate is saved as it lies there, with a bit that says it is negated.</summary>
    [Fact]
    public void A_tensor_that_PyTorch_negates_is_not_read_with_the_other_sign()
    {
        using var temporary = new TemporaryFile();
        foreach ((int version, string storage) in new[] { (2, "FloatStorage"), (3, "UntypedStorage") })
        {
            foreach (byte bit in (ReadOnlySpan<byte>)[0x88, 0x89])
            {
                PickleBytes pickle = new PickleBytes().Op("}").Text("w")
                    .Global("torch._utils", $"_rebuild_tensor_v{version}").Op("((").Text("storage")
                    .Global(version == 2 ? "torch" : "torch.storage", storage).Text("0").Text("cpu").Number(24)
                    .Op("tQ").Number(0).Tuple(3).Tuple(1).Op(0x89).Global("collections", "OrderedDict").Op(")R");
                pickle = version == 2 ? pickle : pickle.Global("torch", "float32");
                File.WriteAllBytes(temporary.Path, pickle.Op("}").Text("neg").Op(bit).Op("stRs").Zip(24));
                using TensorFile file = TensorFile.Open(temporary.Path);
                Assert.Equal(bit == 0x89, file.Entries.ContainsKey("w"));
                const string reason = "has PyTorch's bit 'neg' (tensor.resolve_neg() takes it off)";
                Assert.Equal(bit == 0x88 ? reason : null, file.Skipped.GetValueOrDefault("w"));
            }
        }
    }

    /// <summary>torch.serialization.set_crc32_options(False) leaves 0 for every checksum.</summary>
    [Fact]
    public void A_file_without_checksums_is_read()
    {
        using TensorFile file = TensorFile.Open(Fixture.Of("nocrc.pt"));
        using var scope = new TensorScope(Device.Cpu, "test");
        Assert.Equal([0, 1, 2, 3, 4, 5], file.Load("w", scope).ToArray<float>());
    }
}
