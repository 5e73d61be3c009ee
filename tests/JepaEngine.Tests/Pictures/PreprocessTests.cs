using System.Security.Cryptography;
using System.Text.Json;
using JepaEngine.IO;
using JepaEngine.Jepa.Pictures;

namespace JepaEngine.Tests.Pictures;

public sealed class PreprocessTests
{
    public static TheoryData<string> Cases
    {
        get
        {
            using var golden = new Golden("pictures");
            return [.. golden.Config.GetProperty("preprocess").EnumerateArray().Select(c => c.GetProperty("name").GetString()!)];
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Every_byte_is_the_references(string name)
    {
        using var golden = new Golden("pictures");
        JsonElement fact = golden.Config.GetProperty("preprocess").EnumerateArray().Single(c => c.GetProperty("name").GetString() == name);
        int size = fact.GetProperty("size").GetInt32();
        int[] input = [.. fact.GetProperty("input").EnumerateArray().Select(x => x.GetInt32())];
        Preprocess preprocess = fact.GetProperty("family").GetString()! switch
        {
            "VJepa2Ac" => Preprocess.VJepa2Ac(size),
            "IJepaTrained" => Preprocess.IJepaTrained(size),
            "LeWorldModel" => Preprocess.LeWorldModel(size),
            var family => family.StartsWith('V') ? Preprocess.VJepa(size) : Preprocess.IJepa(size),
        };
        Picture result = preprocess.Apply(DrawnPicture.Mixed(input[0], input[1]));
        Assert.Equal((size, size), (result.Width, result.Height));
        Assert.Equal(fact.GetProperty("sha256").GetString(), Convert.ToHexStringLower(SHA256.HashData(result.Rgb)));
    }

    [Theory]
    [InlineData("imagenet")]
    [InlineData("half")]
    public void Every_bit_of_the_normalised_pixels_is_torchvisions(string name)
    {
        using var golden = new Golden("pictures");
        // Every byte in every channel.
        var every = new Picture(16, 16, [.. Enumerable.Range(0, 768).Select(i => (byte)(i / 3))]);
        Preprocess preprocess = name == "half" ? Preprocess.IJepa(16) : Preprocess.LeWorldModel(16);
        float[] expected = [.. golden["normalize." + name].Select(x => (float)x)], actual = preprocess.Normalize(every);
        Assert.Equal(expected.Select(BitConverter.SingleToUInt32Bits), actual.Select(BitConverter.SingleToUInt32Bits));
        // What a model applies to bytes is one multiplication and one addition: a few units in the last place of the largest term away.
        for (int i = 0; i < actual.Length; i++)
            Assert.Equal(actual[i], preprocess.Transform.Scale[i / 256] * (i % 256) + preprocess.Transform.Shift[i / 256], 1e-6);
    }

    [Fact]
    public void Short_sides_and_extreme_shapes_are_handled()
    {
        foreach ((int width, int height) in new[] { (1, 1), (1, 20_000), (20_000, 1), (3, 5000) })
            foreach (Framing framing in Enum.GetValues<Framing>().Except([Framing.Crop, Framing.AsItIs]))
                Assert.Equal(3 * 64 * 64, new Preprocess(64, framing, [0, 0, 0], [1, 1, 1]).Apply(DrawnPicture.Smooth(width, height)).Rgb.Length);
        foreach (Framing framing in (Framing[])[Framing.Crop, Framing.AsItIs])
        {
            var as64 = new Preprocess(64, framing, [0, 0, 0], [1, 1, 1]);
            Assert.Contains("its processor does not resize", Assert.Throws<ArgumentException>(() => as64.Apply(DrawnPicture.Smooth(64, 63))).Message);
            Assert.Equal(DrawnPicture.Smooth(64, 64).Rgb, as64.Apply(DrawnPicture.Smooth(64, 64)).Rgb);
        }
        Assert.Contains("crop the picture first", Assert.Throws<ArgumentException>(() => Preprocess.VJepa(256).Apply(DrawnPicture.Smooth(31_001, 1))).Message);
    }
}
