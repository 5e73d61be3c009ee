namespace JepaEngine.Backends.Reference;

internal sealed partial class ReferenceBackend<T>
{
    public override void PatchEmbed(in Operand pixels, PixelTransform? transform, in Operand? visible, in Operand weight, in Operand bias, in Operand dst)
    {
        T[] seen = Pixels(pixels, transform);
        View<T> w = Of(weight), b = Of(bias), to = Of(dst);
        int width = weight.Shape[0];
        long[][] patches = Patches(pixels.Shape, weight.Shape, visible);
        for (int row = 0; row < patches.Length; row++)
            for (int d = 0; d < width; d++)
            {
                T sum = b[d];
                for (int i = 0; i < patches[row].Length; i++)
                    sum += w[d * patches[row].Length + i] * seen[patches[row][i]];
                to[row * width + d] = sum;
            }
    }

    public override void PatchEmbedWeightGrad(in Operand pixels, PixelTransform? transform, in Operand? visible, in Operand dy, in Operand dweight,
        bool accumulate)
    {
        T[] seen = Pixels(pixels, transform);
        View<T> upstream = Of(dy), to = Of(dweight);
        int width = dweight.Shape[0];
        if (!accumulate)
            to.Fill(T.Zero);
        long[][] patches = Patches(pixels.Shape, dweight.Shape, visible);
        for (int row = 0; row < patches.Length; row++)
            for (int d = 0; d < width; d++)
                for (int i = 0; i < patches[row].Length; i++)
                    to[d * patches[row].Length + i] += upstream[row * width + d] * seen[patches[row][i]];
    }

    public override void PatchEmbedPixelsGrad(in Operand dy, in Operand weight, in Operand dpixels)
    {
        View<T> upstream = Of(dy), w = Of(weight), to = Of(dpixels);
        int width = weight.Shape[0];
        to.Fill(T.Zero);
        long[][] patches = Patches(dpixels.Shape, weight.Shape, null);
        for (int row = 0; row < patches.Length; row++)
            for (int d = 0; d < width; d++)
                for (int i = 0; i < patches[row].Length; i++)
                    to[patches[row][i]] += upstream[row * width + d] * w[d * patches[row].Length + i];
    }

    /// <summary>The row-major numbers of each patch's pixels, in the order of the weights.</summary>
    private static long[][] Patches(Shape pixels, Shape weight, in Operand? visible)
    {
        int tubelet = weight[2], size = weight[3], deep = pixels[2] / tubelet, high = pixels[3] / size, wide = pixels[4] / size;
        var patches = new long[visible is { } few ? few.Count : (long)pixels[0] * deep * high * wide][];
        for (int row = 0; row < patches.Length; row++)
        {
            long number = visible is { } ids ? LoadInteger(ids, ids.Layout.IndexOf(row)) : row;
            long left = number % wide * size, top = number / wide % high * size, start = number / wide / high % deep * tubelet;
            long clip = number / wide / high / deep;
            patches[row] =
            [
                .. from c in Enumerable.Range(0, pixels[1])
                   from t in Enumerable.Range(0, tubelet)
                   from y in Enumerable.Range(0, size)
                   from x in Enumerable.Range(0, size)
                   select (((clip * pixels[1] + c) * pixels[2] + start + t) * pixels[3] + top + y) * pixels[4] + left + x,
            ];
        }
        return patches;
    }

    /// <summary>What the model sees, row-major.</summary>
    private static T[] Pixels(in Operand pixels, PixelTransform? transform)
    {
        var seen = new T[pixels.Count];
        for (int i = 0; i < seen.Length; i++)
        {
            int channel = (int)(i / (pixels.Count / pixels.Shape[0] / pixels.Shape[1]) % pixels.Shape[1]);
            T value = Number(Load(pixels, pixels.Layout.IndexOf(i)));
            seen[i] = transform is null ? value : value * Number(transform.Scale[channel]) + Number(transform.Shift[channel]);
        }
        return seen;
    }
}
