using System.IO.Compression;
using JepaEngine.IO;
using JepaEngine.Memory;
using JepaEngine.Primitives;

namespace JepaEngine.Tests.IO;

/// <summary>Zip files of which one bit is another: refused, or the same numbers. JEPA_FUZZ_CASES sets the number of
/// bits a file.</summary>
public sealed class ChecksumTests : IDisposable
{
    private readonly TemporaryFile temporary = new();

    public void Dispose() => temporary.Dispose();

    [Theory]
    [InlineData("deflated.npz", false)]
    [InlineData("stored.npz", true)]
    [InlineData("stored.npz", false)]
    [InlineData("deflated.pt", false)]
    [InlineData("odd.pt", true)]
    public void No_flipped_bit_changes_a_number(string name, bool mapped)
    {
        byte[] bytes = File.ReadAllBytes(Fixture.Of(name));
        File.WriteAllBytes(temporary.Path, bytes);
        Dictionary<string, string> sound = ReadAll(mapped);
        int refused = 0;
        int cases = Math.Min(8 * bytes.Length, Mutation.Cases(500));
        foreach (int bit in Enumerable.Range(0, cases).Select(i => (int)(8L * bytes.Length * i / cases)))
        {
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            File.WriteAllBytes(temporary.Path, bytes);
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            try
            {
                Dictionary<string, string> read = ReadAll(mapped);
                foreach ((string tensor, string numbers) in sound)
                    Assert.True(read[tensor] == numbers, $"{name}: bit {bit} changes {tensor}");
            }
            catch (BadFileException)
            {
                refused++;
            }
        }
        Assert.InRange(refused, cases / 8, cases - 1);
    }

    [Fact]
    public void What_is_behind_the_end_of_an_entry_or_before_it_is_compared_too()
    {
        // The tensor is the storage's middle; a bit at either end is not part of it.
        byte[] sound = new PickleBytes().Tensor(1000, 400, [10], [1]).Zip(1000);
        int middle = sound.AsSpan().IndexOf((byte[])[0, 0, 0, 0, 0, 0, 0x80, 0x3F]);
        foreach (int at in new[] { middle, middle + 3990 })
        {
            byte[] changed = [.. sound];
            changed[at] ^= 1;
            File.WriteAllBytes(temporary.Path, changed);
            foreach (bool mapped in new[] { true, false })
            {
                using TensorFile file = TensorFile.Open(temporary.Path, mapped);
                using var scope = new TensorScope(Device.Cpu, "test");
                Assert.Contains("its entry 'archive/data/0' is damaged (its checksum is another)",
                    Assert.Throws<BadFileException>(() => file.Load("tensor", scope)).Message);
            }
        }
    }

    [Fact]
    public void A_checksum_of_0_is_none_in_a_file_of_PyTorch_alone()
    {
        byte[] bytes = File.ReadAllBytes(Fixture.Of("stored.npz"));
        int central = bytes.AsSpan().IndexOf((byte[])[0x50, 0x4B, 1, 2]);
        bytes.AsSpan(14, 4).Clear();
        bytes.AsSpan(central + 16, 4).Clear();
        File.WriteAllBytes(temporary.Path, bytes);
        var error = Assert.Throws<BadFileException>(() => ReadAll(mapped: true));
        Assert.Contains("is damaged (its checksum is another)", error.Message);
    }

    [Fact]
    public void Headers_that_do_not_agree_are_refused()
    {
        byte[] pickle = new PickleBytes().Op("N").Ended;
        (int Field, string Message)[] fields = [(6, "another size, packing"), (8, "another size, packing"), (14, "another size, packing"),
            (18, "another size, packing"), (22, "another size, packing"), (26, "is not where"), (30, "is not where")];
        foreach ((int field, string message) in fields)
        {
            byte[] bytes = new ZipBytes().Add("a/data.pkl", pickle).Ended();
            bytes[field] ^= 1;
            File.WriteAllBytes(temporary.Path, bytes);
            Assert.Contains(message, Assert.Throws<BadFileException>(() => TensorFile.Open(temporary.Path)).Message);
        }
    }

    [Fact]
    public void More_than_an_entry_claims_is_refused()
    {
        byte[] zip = PickleBytes.Zip(CompressionLevel.Optimal, ("a/data.pkl", [.. new PickleBytes().Op("N").Ended, .. new byte[100]]));
        int local = zip.AsSpan().IndexOf("PK\u0003\u0004"u8), central = zip.AsSpan().IndexOf("PK\u0001\u0002"u8);
        (zip[local + 22], zip[central + 24]) = (4, 4);
        File.WriteAllBytes(temporary.Path, zip);
        Assert.Contains("is damaged", Assert.Throws<BadFileException>(() => TensorFile.Open(temporary.Path)).Message);
    }

    private Dictionary<string, string> ReadAll(bool mapped)
    {
        using TensorFile file = TensorFile.Open(temporary.Path, mapped);
        using var scope = new TensorScope(Device.Cpu, "test");
        return file.Entries.ToDictionary(entry => entry.Key,
            entry => $"{entry.Value.Shape} {string.Join(' ', file.Load(entry.Key, scope).ToArray<double>())}");
    }
}
