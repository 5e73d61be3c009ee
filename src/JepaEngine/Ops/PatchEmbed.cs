using JepaEngine.Autograd;
using JepaEngine.Backends;
using JepaEngine.Memory;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Ops;

public static partial class TensorOps
{
    /// <summary>
    /// Cuts pictures into patches and projects each: pixels [B, C, H, W] (U8 or the compute dtype, any strides, so frames stored [B, H, W, C] are
    /// permuted, not copied), weight [D, C, P, P], bias [D], result [B, (H/P)(W/P), D], tokens row-major. A convolution with stride P.
    /// </summary>
    /// <param name="pixels">The pictures.</param>
    /// <param name="weight">The projection.</param>
    /// <param name="bias">Its bias.</param>
    /// <param name="transform">How a stored pixel becomes a number; null leaves it as it is.</param>
    /// <exception cref="ArgumentException">The shapes do not fit; height and width are multiples of the patch.</exception>
    public static Tensor PatchEmbed(this Tensor pixels, Tensor weight, Tensor bias, PixelTransform? transform = null)
    {
        int patch = weight.Shape[^1];
        Op.Require(pixels.Shape.Rank == 4 && weight.Shape.Rank == 4 && weight.Shape[2] == patch && pixels.Shape[1] == weight.Shape[1]
            && bias.Shape == [weight.Shape[0]],
            $"PatchEmbed: pixels {pixels.Shape}, weight {weight.Shape} and bias {bias.Shape} are not [B, C, H, W], [D, C, P, P] and [D]");
        Op.Require(pixels.Shape[2] % patch == 0 && pixels.Shape[3] % patch == 0,
            $"PatchEmbed: {pixels.Shape[2]}x{pixels.Shape[3]} pixels do not divide into patches of {patch}");
        Op.Require(pixels.DType == DType.U8 || pixels.DType == pixels.Device.Compute,
            $"PatchEmbed: pixels are {pixels.DType}; they are U8 or {pixels.Device.Compute}");
        Op.Require(transform is null || (transform.Scale.Length == pixels.Shape[1] && transform.Shift.Length == pixels.Shape[1]),
            $"PatchEmbed: the transform has {transform?.Scale.Length} channels, the pixels {pixels.Shape[1]}");
        TensorScope scope = Op.ScopeWithRaw("PatchEmbed", pixels, weight, bias);
        int tokens = pixels.Shape[2] / patch * (pixels.Shape[3] / patch);
        weight = weight.Contiguous();
        bias = bias.Contiguous();
        Tensor y = scope.Empty([pixels.Shape[0], tokens, weight.Shape[0]]);
        Backend backend = y.Backend;
        backend.PatchEmbed(pixels.Operand, transform, weight.Operand, bias.Operand, y.Operand);
        if (!Op.IsRecorded(scope, out Tape? tape, pixels, weight, bias))
            return y;
        Op.Require(!pixels.RequiresGrad || transform is null, $"PatchEmbed: pixels that require a gradient come without a transform");
        tape.Record(y, dy =>
        {
            tape.Accumulate(weight, (in Operand dweight, bool accumulate) =>
                backend.PatchEmbedWeightGrad(pixels.Operand, transform, dy.Operand, dweight, accumulate));
            tape.Contribute(bias, dbias => backend.Sum(Op.Matrix(dy), 1, dbias with { Layout = new Layout([1, bias.Shape[0]], dbias.Layout.Offset) }));
            tape.Contribute(pixels, dpixels => backend.PatchEmbedPixelsGrad(dy.Operand, weight.Operand, dpixels));
        });
        return y;
    }
}
