using System.IO.Compression;
using System.Text;
using JepaEngine.IO;
using JepaEngine.Memory;
using JepaEngine.Primitives;

namespace JepaEngine.Tests.IO;

/// <summary>Zip files as nobody writes them by mistake, and the 64-bit ones that large checkpoints are.</summary>
public sealed class ZipDirectoryTests : IDisposable
{
    private readonly TemporaryFile temporary = new();

    /// <summary>A pickle that holds nothing.</summary>
    private static byte[] Nothing => new PickleBytes().Op("N").Ended;

    public void Dispose() => temporary.Dispose();

    [Theory]
    [InlineData(false, "")]
    [InlineData(true, "")]
    [InlineData(true, "a comment that does not end in the directory's mark PK\u0005\u0006 and goes on")]
    public void Entries_with_and_without_64_bit_sizes_are_read(bool wide, string comment)
    {
        byte[] pickle = new PickleBytes().Tensor(1, 0, [], []).Ended;
        ZipBytes zip = new ZipBytes().Add("a/", []).Add("a/data.pkl", pickle, wide: wide).Add("a/data/0", [0, 0, 0x80, 0x3F], wide: wide);
        File.WriteAllBytes(temporary.Path, zip.Ended(wide, comment: comment));
        using TensorFile file = TensorFile.Open(temporary.Path);
        using var scope = new TensorScope(Device.Cpu);
        Assert.Equal(1, file.Read("tensor", scope).Item());
    }

    [Fact]
    public void B02_Names_that_leave_the_file_are_refused()
    {
        foreach (string name in new[] { "../data.pkl", "a/../../data.pkl", "/data.pkl", "c:/data.pkl", "a\\data.pkl", new string('n', 5000) })
            Refused("names no place inside it", new ZipBytes().Add(name, Nothing));
    }

    [Fact]
    public void B02_Entries_that_overlap_or_lie_elsewhere_are_refused()
    {
        // An entry inside the bytes of another.
        byte[] inner = new ZipBytes().Add("b/data.pkl", Nothing).Ended();
        Refused("lies inside", new ZipBytes().Add("a/data.pkl", inner).Add("b/data.pkl", Nothing, at: 30 + "a/data.pkl".Length));
        ZipBytes twice = new ZipBytes().Add("a/data.pkl", Nothing);
        Refused("is not where the directory says", twice.Add("b/data.pkl", Nothing, at: twice.Local));
        Refused("'a/data.pkl' stands there twice", new ZipBytes().Add("a/data.pkl", Nothing).Add("a/data.pkl", Nothing));
        Refused("lies outside it", new ZipBytes().Add("a/data.pkl", Nothing, at: 100_000));
        Refused("is not where the directory says", new ZipBytes().Add("x", new byte[200]).Add("a/data.pkl", Nothing, at: 50));
        Refused("is not where the directory says", new ZipBytes().Add("a/data.pkl", Nothing, localName: "b/data.pkl"));
    }

    [Fact]
    public void B02_A_directory_that_lies_about_itself_is_refused()
    {
        Refused("a directory of 40000 entries", new ZipBytes().Add("a/data.pkl", Nothing).Ended(claimed: 40000), "its directory of 40000 entries cannot be");
        Refused("more than are read", new ZipBytes().Add("a/data.pkl", Nothing).Ended(wide: true, claimed: 1L << 40), "claims 1099511627776 entries");
        Refused("fewer than there are", new ZipBytes().Add("a/data.pkl", Nothing).Ended(claimed: 2), "its directory of 2 entries cannot be");
        Refused("no end", new ZipBytes().Add("a/data.pkl", Nothing).Ended()[..^1], "it has no directory at its end");
    }

    [Fact]
    public void B02_Encrypted_and_unknown_packing_is_refused()
    {
        Refused("is encrypted", new ZipBytes().Add("a/data.pkl", Nothing, flags: 1));
        Refused("packed by method 93", new ZipBytes().Add("a/data.pkl", Nothing, method: 93));
        Refused("packed by method 0", new ZipBytes().Add("a/data.pkl", Nothing, length: 100));
        Refused("its entry 'a/data.pkl' is damaged", new ZipBytes().Add("a/data.pkl", [0xFF, 0xFF, 0xFF], method: 8, length: 10));
        Refused("is damaged", new ZipBytes().Add("a/data.pkl", [3, 0], method: 8, length: 10));
        Refused("neither PyTorch (data.pkl) nor numpy", new ZipBytes().Add("word/document.xml", [1]));
    }

    /// <summary>64 MB of zeros in 64 KB, 10 000 tensors over 1 MB in a few KB, and a pickle that is said to be 1 TB.</summary>
    [Fact]
    public void B02_What_is_far_larger_once_inflated_is_refused()
    {
        string description = "{'descr': '<f4', 'fortran_order': False, 'shape': (16777216,), }".PadRight(118);
        byte[] header = [0x93, .. "NUMPY"u8, 1, 0, 118, 0, .. Encoding.ASCII.GetBytes(description)];
        Refused("zeros", PickleBytes.Zip(CompressionLevel.Optimal, ("zeros.npy", [.. header, .. new byte[1 << 26]])),
            "its tensors need 67108992 bytes once read, over 100 times the file");

        PickleBytes shared = new PickleBytes().Op("}(");
        for (int i = 0; i < 10_000; i++)
            shared.Number(i).Tensor(250_000, i, [1], [1]);
        Refused("shared", shared.Op("u").Zip(250_000, CompressionLevel.SmallestSize), "its tensors need 10000000000 bytes once read");
        Refused("cannot have 1099511627776 bytes in 2", new ZipBytes().Add("a/data.pkl", [3, 0], method: 8, length: 1L << 40, wide: true));
    }

    private void Refused(string message, ZipBytes zip) => Refused(message, zip.Ended(), message);

    private void Refused(string what, byte[] bytes, string message)
    {
        File.WriteAllBytes(temporary.Path, bytes);
        BadFileException error = Assert.Throws<BadFileException>(() => TensorFile.Open(temporary.Path));
        Assert.True(error.Message.Contains(message, StringComparison.Ordinal), $"{what}: {error.Message}");
    }
}
