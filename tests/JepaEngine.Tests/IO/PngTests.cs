using System.Buffers.Binary;
using System.IO.Compression;
using JepaEngine.IO;
using JepaEngine.Primitives;

namespace JepaEngine.Tests.IO;

public sealed class PngTests
{
    [Theory]
    [InlineData(1, 1, 3)]
    [InlineData(7, 5, 3)]
    [InlineData(7, 5, 4)]
    [InlineData(64, 33, 3)]
    public void Pixels_come_back(int width, int height, int channels)
    {
        var random = new PhiloxRandom(1);
        byte[] noise = new byte[width * height * channels], smooth = new byte[noise.Length];
        for (int i = 0; i < noise.Length; i++)
        {
            noise[i] = (byte)random.NextInt(256);
            int pixel = i / channels;
            smooth[i] = (byte)(pixel % width * 3 + pixel / width * 2 + i % channels * 40);
        }
        foreach (byte[] pixels in new[] { noise, smooth })
        {
            (byte[] decoded, int decodedWidth, int decodedHeight, int decodedChannels) = Decode(Png.Encode(pixels, width, height, channels));
            Assert.Equal((width, height, channels), (decodedWidth, decodedHeight, decodedChannels));
            Assert.Equal(pixels, decoded);
        }
    }

    [Fact]
    public void Smooth_images_get_small()
    {
        byte[] ramp = [.. Enumerable.Range(0, 100 * 100 * 3).Select(i => (byte)(i / 3 % 100 + i / 300))];
        Assert.True(Png.Encode(ramp, 100, 100).Length < 600);
    }

    [Fact]
    public void Wrong_sizes_are_refused()
    {
        Assert.Throws<ArgumentException>(() => Png.Encode(new byte[11], 2, 2));
        Assert.Throws<ArgumentException>(() => Png.Encode(new byte[8], 2, 2, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => Png.Encode([], 0, 2));
    }

    // A second reading of the standard: chunks with their checksums bit by bit, zlib, and the five filters undone.
    private static (byte[] Pixels, int Width, int Height, int Channels) Decode(byte[] file)
    {
        Assert.Equal([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A], file[..8]);
        int width = 0, height = 0, channels = 0;
        var packed = new MemoryStream();
        string last = "";
        for (int at = 8; at < file.Length;)
        {
            int length = BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(at));
            last = System.Text.Encoding.ASCII.GetString(file, at + 4, 4);
            var data = file.AsSpan(at + 8, length);
            Assert.Equal(Crc(file.AsSpan(at + 4, length + 4)), BinaryPrimitives.ReadUInt32BigEndian(file.AsSpan(at + 8 + length)));
            if (last == "IHDR")
            {
                (width, height) = (BinaryPrimitives.ReadInt32BigEndian(data), BinaryPrimitives.ReadInt32BigEndian(data[4..]));
                Assert.Equal(8, data[8]);
                channels = data[9] == 2 ? 3 : 4;
                Assert.Equal([0, 0, 0], data[10..].ToArray());
            }
            else if (last == "IDAT")
            {
                packed.Write(data);
            }
            at += length + 12;
        }
        Assert.Equal("IEND", last);
        packed.Position = 0;
        var raw = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionMode.Decompress))
            zlib.CopyTo(raw);
        return (Unfilter(raw.ToArray(), width * channels, height, channels), width, height, channels);
    }

    private static byte[] Unfilter(byte[] raw, int rowBytes, int height, int channels)
    {
        Assert.Equal((rowBytes + 1) * height, raw.Length);
        byte[] pixels = new byte[rowBytes * height];
        for (int i = 0; i < pixels.Length; i++)
        {
            int row = i / rowBytes, column = i % rowBytes;
            int a = column >= channels ? pixels[i - channels] : 0, b = row > 0 ? pixels[i - rowBytes] : 0;
            int c = column >= channels && row > 0 ? pixels[i - rowBytes - channels] : 0;
            int p = a + b - c;
            int predicted = raw[row * (rowBytes + 1)] switch
            {
                0 => 0,
                1 => a,
                2 => b,
                3 => (a + b) >> 1,
                4 => new[] { a, b, c }.MinBy(value => Math.Abs(p - value)),
                var filter => throw new InvalidDataException($"filter {filter}"),
            };
            pixels[i] = (byte)(raw[row * (rowBytes + 1) + 1 + column] + predicted);
        }
        return pixels;
    }

    private static uint Crc(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in bytes)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
                crc = (crc >> 1) ^ (0xEDB88320 & (uint)-(int)(crc & 1));
        }
        return ~crc;
    }
}
