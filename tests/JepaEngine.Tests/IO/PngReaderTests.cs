using System.Buffers.Binary;
using System.Diagnostics;
using System.IO.Compression;
using System.Text;
using JepaEngine.IO;

namespace JepaEngine.Tests.IO;

public sealed class PngReaderTests : IDisposable
{
    private readonly TemporaryFile temporary = new();

    public void Dispose() => temporary.Dispose();

    public static TheoryData<string> Files
    {
        get
        {
            using var golden = new Golden("pictures");
            return [.. golden.File.Entries.Keys.Where(key => key.EndsWith(".file")).Select(key => key[..^".file".Length]).Order()];
        }
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void Every_kind_becomes_what_Pillow_makes_of_it(string name)
    {
        using var golden = new Golden("pictures");
        File.WriteAllBytes(temporary.Path, golden.Bytes(name + ".file"));
        Picture picture = Png.Read(temporary.Path);
        Assert.Equal([picture.Height, picture.Width, 3], golden.File.Entries[name + ".rgb"].Shape);
        if (!name.StartsWith("png.colour0.depth16", StringComparison.Ordinal))
        {
            Assert.Equal(golden.Bytes(name + ".rgb"), picture.Rgb);
            return;
        }
        // 16-bit grey is scaled: what Pillow shows as it is lies below 256 of 65536, and what it turns white is any
        // grey.
        Assert.All(golden.Bytes(name + ".rgb").Zip(picture.Rgb), pixel => Assert.True(pixel.First == 255 || pixel.Second == 0));
        Assert.InRange(picture.Rgb.Where(grey => grey > 0).Average(grey => grey), 110, 145);
    }

    [Fact]
    public void What_is_written_is_read()
    {
        byte[] rgb = [.. Enumerable.Range(0, 19 * 23 * 3).Select(i => (byte)(i * i))];
        File.WriteAllBytes(temporary.Path, Png.Encode(rgb, 19, 23));
        Assert.Equal(rgb, Png.Read(temporary.Path).Rgb);
    }

    [Fact]
    public void Every_truncation_is_noticed()
    {
        byte[] whole = Png.Encode(new byte[9 * 9 * 3], 9, 9);
        for (int length = 0; length < whole.Length; length++)
            Refused("", whole[..length]);
    }

    [Fact]
    public void Every_changed_byte_is_noticed()
    {
        byte[] whole = Png.Encode(new byte[9 * 9 * 3], 9, 9);
        for (int at = 0; at < whole.Length; at++)
        {
            byte[] changed = [.. whole];
            changed[at] ^= 0x10;
            Refused("", changed);
        }
    }

    [Theory]
    [InlineData("claims 0x5 pixels", 0, 5, 8, 2)]
    [InlineData("claims 5x0 pixels", 5, 0, 8, 2)]
    [InlineData("claims 65535x65535 pixels, more than the limit of 67108864; scale the picture down first", 65535, 65535, 8, 2)]
    [InlineData("claims 4294967295x1 pixels", -1, 1, 8, 2)]
    [InlineData("cannot hold 8000x8000 pixels", 8000, 8000, 8, 2)]
    [InlineData("cannot hold 5x2000000 pixels", 5, 2_000_000, 16, 6)]
    [InlineData("pixels end in row 0 of 5", 5, 5, 8, 2)]
    [InlineData("colour type 5 of 8 bits", 5, 5, 8, 5)]
    [InlineData("colour type 2 of 4 bits", 5, 5, 4, 2)]
    [InlineData("colour type 0 of 3 bits", 5, 5, 3, 0)]
    [InlineData("colour type 3 of 16 bits", 5, 5, 16, 3)]
    [InlineData("it has no palette", 5, 5, 8, 3)]
    public void A_header_that_lies_is_caught(string message, int width, int height, int depth, int colour)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        Refused(message, [.. Png.Signature, .. Header(width, height, depth, colour), .. Chunk("IDAT", Packed(new byte[8])), .. Chunk("IEND", [])]);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Fact]
    public void Chunks_that_lie_are_caught()
    {
        byte[] header = Header(1, 1, 8, 2), grey = Chunk("IDAT", Packed([0, 1, 2, 3])), end = Chunk("IEND", []);
        Refused("first chunk is no header", [.. Png.Signature, .. grey, .. end]);
        Refused("two headers", [.. Png.Signature, .. header, .. header, .. grey, .. end]);
        Refused("header has 12 bytes", [.. Png.Signature, .. Chunk("IHDR", new byte[12]), .. end]);
        Refused("a chunk that PNG does not have, at byte 33", [.. Png.Signature, .. header, .. Chunk("CgBI", [1]), .. grey, .. end]);
        Refused("0 packed bytes", [.. Png.Signature, .. header, .. end]);
        Refused("row 0 has filter 5", [.. Png.Signature, .. header, .. Chunk("IDAT", Packed([5, 1, 2, 3])), .. end]);
        Refused("cannot be unpacked in row 0", [.. Png.Signature, .. header, .. Chunk("IDAT", [1, 2, 3, 4, 5, 6, 7, 8]), .. end]);
        Refused("palette has 4 bytes", [.. Png.Signature, .. Header(1, 1, 8, 3), .. Chunk("PLTE", new byte[4]), .. end]);
        Refused("palette has 771 bytes", [.. Png.Signature, .. Header(1, 1, 8, 3), .. Chunk("PLTE", new byte[771]), .. end]);
        Refused("the chunk at byte 8 claims 4294967295 bytes", [.. Png.Signature, 255, 255, 255, 255, .. new byte[40]]);
        Refused("does not begin as a PNG file does", Encoding.ASCII.GetBytes("GIF89a, or so it says"));
        // Bytes beyond the pixels and beyond the end are nobody's business: Pillow reads such files.
        File.WriteAllBytes(temporary.Path, [.. Png.Signature, .. header, .. Chunk("IDAT", Packed([0, 1, 2, 3, 4, 5])), .. end, 1, 2]);
        Assert.Equal([1, 2, 3], Png.Read(temporary.Path).Rgb);
    }

    [Fact]
    public void What_is_no_file_is_refused_without_waiting()
    {
        Assert.Contains("it cannot be read", Assert.Throws<BadFileException>(() => Png.Read(temporary.Path)).Message);
        Assert.Contains("it cannot be read", Assert.Throws<BadFileException>(() => Png.Read(temporary.Folder)).Message);
        if (!OperatingSystem.IsLinux())
            return;
        Assert.Contains("0 bytes are too few", Assert.Throws<BadFileException>(() => Png.Read("/dev/zero")).Message);
        using (Process make = Process.Start("mkfifo", temporary.Path))
            make.WaitForExit();
        Assert.Contains("0 bytes are too few", Assert.Throws<BadFileException>(() => Png.Read(temporary.Path)).Message);
    }

    /// <summary>Changed files whose checksums are right again, so that what lies behind them is reached. JEPA_FUZZ_CASES sets the number a file.</summary>
    [Fact]
    public void Mutated_files_are_read_or_refused()
    {
        using var golden = new Golden("pictures");
        int read = 0, refused = 0;
        foreach (string name in golden.File.Entries.Keys.Where(key => key.EndsWith(".file")).Order())
        {
            var mutation = new PngMutation(golden.Bytes(name), name.Length);
            for (int i = 0, cases = Mutation.Cases(60); i < cases; i++)
            {
                File.WriteAllBytes(temporary.Path, mutation.Next());
                try
                {
                    Png.Read(temporary.Path);
                    read++;
                }
                catch (BadFileException error)
                {
                    Assert.StartsWith(temporary.Path, error.Message);
                    Assert.DoesNotContain('\n', error.Message);
                    refused++;
                }
            }
        }
        // Both happen, or the mutations are too weak or too strong to test anything.
        Assert.InRange(read, 200, int.MaxValue);
        Assert.InRange(refused, 200, int.MaxValue);
    }

    internal static byte[] Chunk(string type, ReadOnlySpan<byte> data)
    {
        byte[] typed = [.. Encoding.ASCII.GetBytes(type), .. data], chunk = new byte[typed.Length + 8];
        BinaryPrimitives.WriteInt32BigEndian(chunk, data.Length);
        typed.CopyTo(chunk, 4);
        BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(chunk.Length - 4), Png.Checksum(typed));
        return chunk;
    }

    private static byte[] Header(int width, int height, int depth, int colour)
    {
        byte[] data = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(data, width);
        BinaryPrimitives.WriteInt32BigEndian(data.AsSpan(4), height);
        (data[8], data[9]) = ((byte)depth, (byte)colour);
        return Chunk("IHDR", data);
    }

    private static byte[] Packed(byte[] raw)
    {
        var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.Fastest))
            zlib.Write(raw);
        return packed.ToArray();
    }

    private void Refused(string message, byte[] bytes)
    {
        File.WriteAllBytes(temporary.Path, bytes);
        BadFileException error = Assert.Throws<BadFileException>(() => Png.Read(temporary.Path));
        Assert.StartsWith(temporary.Path, error.Message);
        Assert.Contains(message, error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }
}
