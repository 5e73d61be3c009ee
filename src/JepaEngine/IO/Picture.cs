namespace JepaEngine.IO;

/// <summary>A picture of 8-bit RGB.</summary>
public sealed class Picture
{
    /// <summary>A picture of these pixels, which are not copied.</summary>
    /// <param name="width">Columns.</param>
    /// <param name="height">Rows.</param>
    /// <param name="rgb">[height, width, 3].</param>
    /// <exception cref="ArgumentException">The sizes do not fit.</exception>
    public Picture(int width, int height, byte[] rgb)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        ArgumentNullException.ThrowIfNull(rgb);
        if (rgb.Length != 3L * width * height)
            throw new ArgumentException($"{rgb.Length} bytes are no {width}x{height} picture of 3 channels", nameof(rgb));
        Width = width;
        Height = height;
        Rgb = rgb;
    }

    /// <summary>A larger picture is refused where it is read, before memory is taken for it.</summary>
    public const int MaxPixels = 64 << 20;

    /// <summary>Columns.</summary>
    public int Width { get; }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>[Height, Width, 3], red first.</summary>
    public byte[] Rgb { get; }
}
