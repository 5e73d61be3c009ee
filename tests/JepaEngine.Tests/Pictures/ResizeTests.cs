using System.Security.Cryptography;
using System.Text.Json;
using JepaEngine.IO;
using JepaEngine.Jepa.Pictures;

namespace JepaEngine.Tests.Pictures;

public sealed class ResizeTests
{
    public static TheoryData<string> Cases
    {
        get
        {
            using var golden = new Golden("pictures");
            return [.. golden.Config.GetProperty("resize").EnumerateArray().Select(c => c.GetProperty("name").GetString()!)];
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Every_byte_is_torchvisions(string name)
    {
        using var golden = new Golden("pictures");
        JsonElement fact = golden.Config.GetProperty("resize").EnumerateArray().Single(c => c.GetProperty("name").GetString() == name);
        int[] input = [.. fact.GetProperty("input").EnumerateArray().Select(x => x.GetInt32())];
        int[] output = [.. fact.GetProperty("output").EnumerateArray().Select(x => x.GetInt32())];
        Picture picture = fact.GetProperty("smooth").GetBoolean() ? DrawnPicture.Smooth(input[0], input[1]) : DrawnPicture.Noise(input[0], input[1]);
        Picture result = Resize.Run(picture, output[0], output[1], Enum.Parse<ResizeFilter>(fact.GetProperty("filter").GetString()!, ignoreCase: true));
        Assert.Equal((output[0], output[1]), (result.Width, result.Height));
        if (golden.Has("resize." + name))
            Assert.Equal(golden.Bytes("resize." + name), result.Rgb);
        Assert.Equal(fact.GetProperty("sha256").GetString(), Convert.ToHexStringLower(SHA256.HashData(result.Rgb)));
    }

    [Theory]
    [InlineData(61, 47, 30, 90)]
    [InlineData(61, 47, 61, 20)]
    [InlineData(61, 47, 20, 47)]
    [InlineData(61, 47, 61, 47)]
    public void A_window_is_what_a_crop_would_be(int width, int height, int toWidth, int toHeight)
    {
        Picture picture = DrawnPicture.Noise(width, height), whole = Resize.Run(picture, toWidth, toHeight);
        var window = new PictureWindow(3, 7, 11, 13);
        Picture part = Resize.Run(picture, toWidth, toHeight, window);
        byte[] crop = [.. Enumerable.Range(0, 13).SelectMany(y => whole.Rgb[(3 * ((7 + y) * toWidth + 3))..][..33])];
        Assert.Equal(crop, part.Rgb);
    }

    [Theory]
    [InlineData(0, 0, 21, 20)]
    [InlineData(-1, 0, 10, 10)]
    [InlineData(0, 15, 5, 6)]
    [InlineData(0, 0, 0, 5)]
    [InlineData(int.MaxValue, 0, int.MaxValue, 5)]
    public void A_window_outside_is_refused(int left, int top, int width, int height) =>
        Assert.Throws<ArgumentException>(() => Resize.Run(DrawnPicture.Smooth(9, 9), 20, 20, new PictureWindow(left, top, width, height)));

    [Fact]
    public void What_would_need_gigabytes_is_refused()
    {
        Picture narrow = new(1, 1 << 20, new byte[3 << 20]);
        Assert.Throws<ArgumentException>(() => Resize.Run(narrow, 60_000, 60_000));
        Assert.Contains("too narrow for 224x224", Assert.Throws<ArgumentException>(() => Resize.Run(narrow, 224, 224)).Message);
        Assert.Equal(3 * 224, Resize.Run(narrow, 1, 224).Rgb.Length);
    }
}
