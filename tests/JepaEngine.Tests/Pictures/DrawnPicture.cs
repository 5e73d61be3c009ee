using JepaEngine.IO;

namespace JepaEngine.Tests.Pictures;

/// <summary>Pictures that Fixtures/make_picture_fixtures.py draws by the same rules.</summary>
internal static class DrawnPicture
{
    public static Picture Noise(int width, int height) => Draw(width, height, (x, y, c) =>
    {
        uint h = (uint)x * 2654435761 ^ (uint)y * 2246822519 ^ (uint)(c + 1) * 3266489917;
        h = (h ^ (h >> 15)) * 2246822519;
        h = (h ^ (h >> 13)) * 3266489917;
        return (byte)(h >> 24);
    });

    public static Picture Smooth(int width, int height) => Draw(width, height, (x, y, c) => (byte)(x * 3 + y * 2 + c * 40));

    /// <summary>Half of each.</summary>
    public static Picture Mixed(int width, int height)
    {
        (Picture noise, Picture smooth) = (Noise(width, height), Smooth(width, height));
        return new Picture(width, height, [.. noise.Rgb.Zip(smooth.Rgb, (a, b) => (byte)(a / 2 + b / 2))]);
    }

    private static Picture Draw(int width, int height, Func<int, int, int, byte> rule)
    {
        byte[] rgb = new byte[3 * width * height];
        for (int i = 0; i < rgb.Length; i++)
            rgb[i] = rule(i / 3 % width, i / 3 / width, i % 3);
        return new Picture(width, height, rgb);
    }
}
