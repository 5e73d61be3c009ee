using JepaEngine.Memory;
using JepaEngine.Primitives;

namespace JepaEngine.Backends.Reference;

internal sealed partial class ReferenceBackend<T>
{
    /// <inheritdoc/>
    public override void PatchEmbed(in Operand pixels, PixelTransform? transform, in Operand weight, in Operand bias, in Operand dst)
    {
        T[,,,] image = Image(pixels, transform);
        View<T> w = Of(weight), b = Of(bias), to = Of(dst);
        foreach (Patch patch in Patches(pixels.Shape, weight.Shape))
            for (int d = 0; d < weight.Shape[0]; d++)
            {
                T sum = b[d];
                for (int c = 0; c < weight.Shape[1]; c++)
                    for (int y = 0; y < weight.Shape[2]; y++)
                        for (int x = 0; x < weight.Shape[3]; x++)
                            sum += w[d, c, y, x] * image[patch.Image, c, patch.Top + y, patch.Left + x];
                to[patch.Image, patch.Number, d] = sum;
            }
    }

    /// <inheritdoc/>
    public override void PatchEmbedWeightGrad(in Operand pixels, PixelTransform? transform, in Operand dy,
        in Operand dweight, bool accumulate)
    {
        T[,,,] image = Image(pixels, transform);
        View<T> upstream = Of(dy), to = Of(dweight);
        if (!accumulate)
            to.Fill(T.Zero);
        foreach (Patch patch in Patches(pixels.Shape, dweight.Shape))
            for (int d = 0; d < dweight.Shape[0]; d++)
                for (int c = 0; c < dweight.Shape[1]; c++)
                    for (int y = 0; y < dweight.Shape[2]; y++)
                        for (int x = 0; x < dweight.Shape[3]; x++)
                            to[d, c, y, x] +=
                                upstream[patch.Image, patch.Number, d] * image[patch.Image, c, patch.Top + y, patch.Left + x];
    }

    /// <inheritdoc/>
    public override void PatchEmbedPixelsGrad(in Operand dy, in Operand weight, in Operand dpixels)
    {
        View<T> upstream = Of(dy), w = Of(weight), to = Of(dpixels);
        to.Fill(T.Zero);
        foreach (Patch patch in Patches(dpixels.Shape, weight.Shape))
            for (int d = 0; d < weight.Shape[0]; d++)
                for (int c = 0; c < weight.Shape[1]; c++)
                    for (int y = 0; y < weight.Shape[2]; y++)
                        for (int x = 0; x < weight.Shape[3]; x++)
                            to[patch.Image, c, patch.Top + y, patch.Left + x] += upstream[patch.Image, patch.Number, d] * w[d, c, y, x];
    }

    /// <summary>A patch: which image, which row-major number in it, and its first pixel.</summary>
    private readonly record struct Patch(int Image, int Number, int Top, int Left);

    private static IEnumerable<Patch> Patches(Shape pixels, Shape weight)
    {
        int size = weight[3], high = pixels[2] / size, wide = pixels[3] / size;
        for (int image = 0; image < pixels[0]; image++)
            for (int number = 0; number < high * wide; number++)
                yield return new Patch(image, number, number / wide * size, number % wide * size);
    }

    /// <summary>What the model sees: [B, C, H, W].</summary>
    private static T[,,,] Image(in Operand pixels, PixelTransform? transform)
    {
        Shape shape = pixels.Shape;
        T[,,,] image = new T[shape[0], shape[1], shape[2], shape[3]];
        long element = 0;
        for (int b = 0; b < shape[0]; b++)
            for (int c = 0; c < shape[1]; c++)
                for (int y = 0; y < shape[2]; y++)
                    for (int x = 0; x < shape[3]; x++)
                    {
                        T value = Number(Load(pixels, pixels.Layout.IndexOf(element++)));
                        image[b, c, y, x] = transform is null ? value : value * Number(transform.Scale[c]) + Number(transform.Shift[c]);
                    }
        return image;
    }
}
