using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using JepaEngine.IO;
using JepaEngine.Jepa.Checkpoints;
using JepaEngine.Jepa.Models;

namespace JepaEngine.Tests.IO;

/// <summary>
/// Files whose structure is sound and whose content is hostile: what flipped bits never reach. Each case is held to
/// <see cref="Hostile"/>; JEPA_FUZZ_CASES sets how many there are of each kind.
/// </summary>
public sealed class StructureFuzzTests : IDisposable
{
    private readonly TemporaryFile temporary = new();

    public void Dispose() => temporary.Dispose();

    [Fact]
    public void Pickles_of_valid_operations() => Fuzz(400, seed =>
        new PickleProgram(seed).Build().Zip(6, seed % 3 == 0 ? CompressionLevel.Optimal : CompressionLevel.NoCompression));

    [Fact]
    public void Headers_of_safetensors()
    {
        byte[] sound = File.ReadAllBytes(Fixture.Of("dtypes.safetensors"));
        int length = (int)BinaryPrimitives.ReadInt64LittleEndian(sound);
        string header = Encoding.UTF8.GetString(sound, 8, length);
        Fuzz(1000, seed => Whole(new JsonMutation(seed).Apply(header), sound[(8 + length)..]));
    }

    [Fact]
    public void Indexes_of_shards()
    {
        foreach (string shard in Directory.GetFiles(Fixture.Of("sharded"), "*.safetensors"))
            File.Copy(shard, Path.Combine(temporary.Folder, Path.GetFileName(shard)));
        string index = File.ReadAllText(Fixture.Of("sharded/model.safetensors.index.json"));
        Fuzz(1000, seed => Encoding.UTF8.GetBytes(new JsonMutation(seed).Apply(index)));
    }

    [Theory]
    [InlineData("hf_vjepa2")]
    [InlineData("hf_ijepa")]
    [InlineData("lewm")]
    public void Configurations_beside_weights(string name)
    {
        string folder = Path.Combine(AppContext.BaseDirectory, "Fixtures", "models", name), config = File.ReadAllText(Path.Combine(folder, "config.json"));
        string weights = Path.GetFileName(ModelFile.Weights(folder));
        File.Copy(Path.Combine(folder, weights), Path.Combine(temporary.Folder, weights));
        Fuzz(200, seed => Encoding.UTF8.GetBytes(new JsonMutation(seed).Apply(config)), (path, mapped) =>
        {
            File.Move(path, Path.Combine(temporary.Folder, "config.json"), overwrite: true);
            File.WriteAllText(path, "");
            return ModelFile.Open(temporary.Folder, new LoadOptions { Mapped = mapped }).File;
        });
    }

    [Fact]
    public void Headers_of_arrays()
    {
        string[] types = ["'<f4'", "'<f8'", "'|u1'", "'<c8'", "''", "'<f4", "[('a', '<f4')]", "None", "5", "'" + new string('f', 9000) + "'"];
        string[] orders = ["False", "True", "false", "0", "None", "''"];
        string[] shapes = ["(6,)", "(2, 3)", "()", "(0,)", "(-6,)", "(6", "(4294967296, 4294967296)", "(99999999999999999999,)", "(2147483647, 2147483647)", "None",
            "(" + string.Concat(Enumerable.Repeat("1, ", 2000)) + ")"];
        int[] lengths = [-1, -1, -1, -1, 0, 1, 10, 10_001, ushort.MaxValue, int.MaxValue];
        Fuzz(500, seed =>
        {
            var random = new Random(seed);
            string Pick(string[] all) => all[random.Next(3) == 0 ? random.Next(all.Length) : 0];
            string text = $"{{'descr': {Pick(types)}, 'fortran_order': {Pick(orders)}, 'shape': {Pick(shapes)}, }}".PadRight(random.Next(200)) + "\n";
            int version = random.Next(1, 5), length = lengths[random.Next(lengths.Length)] is >= 0 and var other ? other : text.Length;
            byte[] prefix = version == 1 ? BitConverter.GetBytes((ushort)length) : BitConverter.GetBytes(length);
            byte[] array = [0x93, .. "NUMPY"u8, (byte)version, 0, .. prefix, .. Encoding.UTF8.GetBytes(text), .. new byte[24]];
            return seed % 2 == 0 ? array : PickleBytes.Zip(CompressionLevel.Optimal, ("a.npy", array), ("b.npy", array));
        });
    }

    /// <summary>Each field of each record of a zip file, at each extreme.</summary>
    [Theory]
    [InlineData("stored.npz")]
    [InlineData("deflated.npz")]
    [InlineData("odd.pt")]
    [InlineData("wide")]
    public void Fields_of_zips(string name)
    {
        byte[] pickle = new PickleBytes().Tensor(1, 0, [], []).Ended;
        byte[] sound = name == "wide"
            ? new ZipBytes().Add("a/data.pkl", pickle, wide: true).Add("a/data/0", [0, 0, 0x80, 0x3F], wide: true).Ended(wide: true)
            : File.ReadAllBytes(Fixture.Of(name));
        int cases = 0, refused = 0;
        foreach ((int at, int size) in ZipFields(sound))
        {
            ulong all = ulong.MaxValue >> (64 - 8 * size), now = size == 2 ? BitConverter.ToUInt16(sound, at) : size == 4 ? BitConverter.ToUInt32(sound, at)
                : BitConverter.ToUInt64(sound, at);
            foreach (ulong value in new ulong[] { 0, 1, now + 1, now - 1, all, all - 1, all >> 1, (all >> 1) + 1, (ulong)sound.Length, (ulong)sound.Length - 1 }.Distinct())
            {
                byte[] bytes = [.. sound];
                BitConverter.GetBytes(value).AsSpan(0, size).CopyTo(bytes.AsSpan(at));
                cases++;
                refused += Hostile.Case($"{name}: {value} at {at}", temporary, bytes, TensorFile.Open) is null ? 0 : 1;
            }
        }
        Assert.InRange(cases, 200, 5000);
        Assert.InRange(refused, cases / 4, cases - 1);
    }

    /// <summary>Notes and names without measure.</summary>
    [Fact]
    public void Sizes_of_metadata()
    {
        string Many(int count, string name, string value) => string.Join(',', Enumerable.Range(0, count).Select(i => $"\"{name}{i}\":{value}"));
        const string tensor = "{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}";
        string[] headers =
        [
            $"{{\"__metadata__\":{{\"a\":\"{new string('n', 20_000_000)}\"}}}}", $"{{\"__metadata__\":{{\"{new string('n', 20_000_000)}\":\"\"}}}}",
            $"{{\"__metadata__\":{{{Many(60_000, "k", "\"v\"")}}}}}", $"{{\"__metadata__\":{{{Many(2000, new string('k', 2000), "\"v\"")}}}}}",
            $"{{{Many(60_000, "t", tensor)}}}", $"{{{Many(5000, new string('t', 1000), tensor)}}}", $"{{\"{new string('t', 10_000_000)}\":{tensor}}}",
            $"{{\"t\":{tensor.Replace("F32", new string('F', 5_000_000))}}}", $"{{\"t\":{tensor.Replace("[0]", $"[{string.Join(',', new int[1_000_000])}]")}}}",
            "{\"__metadata__\":null}", "{\"__metadata__\":{\"a\":null}}", "{\"__metadata__\":[]}",
        ];
        foreach ((int i, string header) in headers.Index())
            Hostile.Case($"header {i}", temporary, Whole(header, []), TensorFile.Open);
    }

    private static byte[] Whole(string header, byte[] data)
    {
        byte[] text = Encoding.UTF8.GetBytes(header);
        return [.. BitConverter.GetBytes((long)text.Length), .. text, .. data];
    }

    /// <summary>Positions and sizes of all fields of local, central, 64-bit and end records.</summary>
    private static IEnumerable<(int At, int Size)> ZipFields(byte[] zip)
    {
        (byte[] Mark, int[] Sizes)[] records =
        [
            ([3, 4], [2, 2, 2, 2, 2, 4, 4, 4, 2, 2]), ([1, 2], [2, 2, 2, 2, 2, 2, 4, 4, 4, 2, 2, 2, 2, 2, 4, 4]), ([5, 6], [2, 2, 2, 2, 4, 4, 2]),
            ([6, 6], [8, 2, 2, 4, 4, 8, 8, 8, 8]), ([6, 7], [4, 8, 4]),
        ];
        foreach ((byte[] mark, int[] sizes) in records)
        {
            byte[] magic = [(byte)'P', (byte)'K', .. mark];
            for (int found = 0, at = zip.AsSpan().IndexOf(magic); found < 3 && at >= 0; found++)
            {
                int field = at + 4;
                foreach (int size in sizes)
                {
                    yield return (field, size);
                    field += size;
                }
                int next = zip.AsSpan(at + 4).IndexOf(magic);
                at = next < 0 ? -1 : at + 4 + next;
            }
        }
    }

    private void Fuzz(int enough, Func<int, byte[]> bytes, Func<string, bool, TensorFile>? open = null)
    {
        int refused = 0, cases = Mutation.Cases(enough);
        for (int seed = 0; seed < cases; seed++)
            refused += Hostile.Case($"seed {seed}", temporary, bytes(seed), open ?? TensorFile.Open) is null ? 0 : 1;
        // A fuzzer whose files are all refused, or none, tries nothing.
        Assert.InRange(refused, cases / 20, cases - 1);
    }
}
