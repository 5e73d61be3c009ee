using System.Buffers;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace JepaEngine.Jepa.Pictures;

/// <summary>The kernel of a resize.</summary>
public enum ResizeFilter
{
    /// <summary>A triangle, as wide as two input or output pixels, whichever are larger.</summary>
    Bilinear,
    /// <summary>Keys' cubic with a = −1/2, twice as wide.</summary>
    Bicubic,
}

/// <summary>A rectangle of a picture, in pixels.</summary>
/// <param name="Left">Columns before it.</param>
/// <param name="Top">Rows above it.</param>
/// <param name="Width">Columns.</param>
/// <param name="Height">Rows.</param>
public readonly record struct PictureWindow(int Left, int Top, int Width, int Height);

/// <summary>Resizes with antialias, to the last bit as torchvision 0.27's <c>resize(uint8, size, antialias=True)</c>
/// does on a CPU: along rows, round to 8 bits, then along columns.</summary>
public static class Resize
{
    /// <summary>Bytes that a 4-byte load of the last pixel reaches past it.</summary>
    private const int Slack = 1;

    /// <summary>The picture at another size.</summary>
    /// <exception cref="ArgumentException">A length is not positive, or the result would exceed <see cref="Picture.MaxPixels"/>.</exception>
    public static Picture Run(Picture picture, int width, int height, ResizeFilter filter = ResizeFilter.Bilinear) =>
        Run(picture, width, height, new PictureWindow(0, 0, width, height), filter);

    /// <summary>A window of the picture at another size: the same pixels as resizing and cropping, without computing the others.</summary>
    /// <param name="picture">The picture.</param>
    /// <param name="width">Columns of the whole at its new size.</param>
    /// <param name="height">Rows of the whole at its new size.</param>
    /// <param name="window">Which of them to compute.</param>
    /// <param name="filter">The kernel.</param>
    /// <exception cref="ArgumentException">As there, or the window leaves the picture.</exception>
    public static Picture Run(Picture picture, int width, int height, PictureWindow window, ResizeFilter filter = ResizeFilter.Bilinear)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        if (window.Left < 0 || window.Top < 0 || window.Width < 1 || window.Height < 1
            || window.Left > width - window.Width || window.Top > height - window.Height || (long)window.Width * window.Height > Picture.MaxPixels)
            throw new ArgumentException($"{window} is no part of {width}x{height} pixels, or more than {Picture.MaxPixels} of them", nameof(window));
        var vertical = height == picture.Height ? null : new ResizeWeights(picture.Height, height, window.Top, window.Height, filter);
        // The input rows that the window's rows are made of.
        int last = window.Top + window.Height - 1;
        int top = vertical?.Start(window.Top) ?? window.Top;
        int rows = (vertical is null ? last + 1 : vertical.Start(last) + vertical.Of(last).Length) - top;
        int rowBytes = 3 * window.Width;
        if ((long)rows * rowBytes > 3L * Picture.MaxPixels)
            throw new ArgumentException($"{picture.Width}x{picture.Height} pixels are too narrow for {width}x{height}; crop the picture first", nameof(picture));
        byte[] rgb = new byte[window.Height * rowBytes];
        byte[] between = vertical is null ? rgb : ArrayPool<byte>.Shared.Rent(rows * rowBytes);
        var horizontal = width == picture.Width ? null : new ResizeWeights(picture.Width, width, window.Left, window.Width, filter);
        for (int y = 0; y < rows; y++)
        {
            ReadOnlySpan<byte> row = picture.Rgb.AsSpan(3 * (top + y) * picture.Width);
            Span<byte> into = between.AsSpan(y * rowBytes, rowBytes);
            if (horizontal is null)
                row.Slice(3 * window.Left, rowBytes).CopyTo(into);
            else
                Row(row, horizontal, window.Left, into);
        }
        if (vertical is not null)
        {
            for (int y = 0; y < window.Height; y++)
                Column(between.AsSpan((vertical.Start(window.Top + y) - top) * rowBytes), rowBytes, vertical, window.Top + y, rgb.AsSpan(y * rowBytes, rowBytes));
            ArrayPool<byte>.Shared.Return(between);
        }
        return new Picture(window.Width, window.Height, rgb);
    }

    /// <summary>A row's pixels from column <paramref name="left"/> on; the three channels of a pixel lie in one vector.</summary>
    private static void Row(ReadOnlySpan<byte> row, ResizeWeights weights, int left, Span<byte> into)
    {
        var half = Vector128.Create(1 << (weights.Precision - 1));
        for (int x = 0; x < into.Length / 3; x++)
        {
            ReadOnlySpan<byte> pixels = row[(3 * weights.Start(left + x))..];
            Vector128<int> sum = half;
            foreach (short weight in weights.Of(left + x))
            {
                sum += Widen(pixels) * Vector128.Create((int)weight);
                pixels = pixels[3..];
            }
            sum = Vector128.Clamp(sum >> weights.Precision, Vector128<int>.Zero, Vector128.Create(255));
            (into[3 * x], into[3 * x + 1], into[3 * x + 2]) = ((byte)sum[0], (byte)sum[1], (byte)sum[2]);
        }
    }

    /// <summary>Three bytes as integers; the fourth number is whatever follows.</summary>
    private static Vector128<int> Widen(ReadOnlySpan<byte> pixel)
    {
        uint bytes = pixel.Length >= 3 + Slack ? MemoryMarshal.Read<uint>(pixel) : pixel[0] | (uint)pixel[1] << 8 | (uint)pixel[2] << 16;
        return Vector128.WidenLower(Vector128.WidenLower(Vector128.CreateScalarUnsafe(bytes).AsByte())).AsInt32();
    }

    /// <summary>Row <paramref name="y"/> of the result from the rows its weights name.</summary>
    private static void Column(ReadOnlySpan<byte> rows, int rowBytes, ResizeWeights weights, int y, Span<byte> into)
    {
        int x = 0;
        for (; x <= rowBytes - Vector128<byte>.Count; x += Vector128<byte>.Count)
            Sixteen(rows[x..], rowBytes, weights, y).CopyTo(into[x..]);
        for (; x < rowBytes; x++)
        {
            int sum = 1 << (weights.Precision - 1), at = x;
            foreach (short weight in weights.Of(y))
            {
                sum += rows[at] * weight;
                at += rowBytes;
            }
            into[x] = (byte)Math.Clamp(sum >> weights.Precision, 0, 255);
        }
    }

    private static Vector128<byte> Sixteen(ReadOnlySpan<byte> rows, int rowBytes, ResizeWeights weights, int y)
    {
        var half = Vector128.Create(1 << (weights.Precision - 1));
        Vector128<int> a = half, b = half, c = half, d = half;
        int at = 0;
        foreach (short weight in weights.Of(y))
        {
            var (low, high) = Vector128.Widen(Vector128.Create(rows.Slice(at, Vector128<byte>.Count)));
            var factor = Vector128.Create((int)weight);
            a += Vector128.WidenLower(low).AsInt32() * factor;
            b += Vector128.WidenUpper(low).AsInt32() * factor;
            c += Vector128.WidenLower(high).AsInt32() * factor;
            d += Vector128.WidenUpper(high).AsInt32() * factor;
            at += rowBytes;
        }
        int precision = weights.Precision;
        return Vector128.NarrowWithSaturation(
            Vector128.NarrowWithSaturation(Positive(a >> precision), Positive(b >> precision)),
            Vector128.NarrowWithSaturation(Positive(c >> precision), Positive(d >> precision)));
    }

    private static Vector128<uint> Positive(Vector128<int> x) => Vector128.Max(x, Vector128<int>.Zero).AsUInt32();
}
