using JepaEngine.Autograd;
using JepaEngine.Backends;
using JepaEngine.Devices;
using JepaEngine.Tensors;

namespace JepaEngine.Ops;

public static partial class TensorOps
{
    /// <summary>
    /// Cuts pictures or clips into patches and projects each: a convolution whose stride is its size. Pixels are U8 or the compute dtype and may have any
    /// strides, so that frames stored [B, H, W, C] or [B, T, H, W, C] are permuted, not copied. The result is [B, N, D], tokens row-major over time, rows
    /// and columns, or [B, K, D] of the visible patches.
    /// </summary>
    /// <param name="pixels">Pictures [B, C, H, W] or clips [B, C, T, H, W].</param>
    /// <param name="weight">The projection: [D, C, P, P] for pictures, [D, C, Tt, P, P] for clips.</param>
    /// <param name="bias">Its bias, [D].</param>
    /// <param name="transform">How a stored pixel becomes a number; null leaves it as it is.</param>
    /// <param name="visible">The tokens to compute, [B, K] (I32 or I64); only their pixels are read. Null: all.</param>
    /// <exception cref="ArgumentException">The shapes do not fit; frames, height and width are multiples of the patch.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A visible token does not exist.</exception>
    public static Tensor PatchEmbed(this Tensor pixels, Tensor weight, Tensor bias, PixelTransform? transform = null, Tensor? visible = null)
    {
        Shape frames = pixels.Shape, kernel = weight.Shape;
        Op.Require(frames.Rank is 4 or 5 && kernel.Rank == frames.Rank && kernel[^2] == kernel[^1] && frames[1] == kernel[1] && bias.Shape == [kernel[0]],
            $"PatchEmbed: pixels {frames}, weight {kernel} and bias {bias.Shape} are neither [B, C, H, W], [D, C, P, P] and [D] nor [B, C, T, H, W], "
            + $"[D, C, Tt, P, P] and [D]");
        if (frames.Rank == 4)
            (frames, kernel) = ([frames[0], frames[1], 1, frames[2], frames[3]], [kernel[0], kernel[1], 1, kernel[2], kernel[3]]);
        int tubelet = kernel[2], patch = kernel[3];
        Op.Require(patch > 0 && frames[3] % patch == 0 && frames[4] % patch == 0,
            $"PatchEmbed: {frames[3]}x{frames[4]} pixels do not divide into patches of {patch}");
        Op.Require(tubelet > 0 && frames[2] % tubelet == 0, $"PatchEmbed: {frames[2]} frames do not divide into tubelets of {tubelet}");
        Op.Require(pixels.DType == DType.U8 || pixels.DType == pixels.Device.Compute,
            $"PatchEmbed: pixels are {pixels.DType}; they are U8 or {pixels.Device.Compute}");
        Op.Require(transform is null || (transform.Scale.Length == frames[1] && transform.Shift.Length == frames[1]),
            $"PatchEmbed: the transform has {transform?.Scale.Length} channels, the pixels {frames[1]}");
        TensorScope scope = Op.ScopeWithRaw("PatchEmbed", pixels, weight, bias, visible);
        int batch = frames[0], tokens = frames[2] / tubelet * (frames[3] / patch) * (frames[4] / patch);
        weight = weight.Contiguous();
        bias = bias.Contiguous();
        Operand clips = Reshaped(pixels.Operand, frames), projection = Reshaped(weight.Operand, kernel);
        Operand? rows = visible is null ? null : RowsOf("PatchEmbed", scope, visible, batch, tokens).Operand;
        Tensor y = scope.Empty([batch, visible is null ? tokens : visible.Shape[1], kernel[0]], weight.DType);
        Backend backend = y.Backend;
        backend.PatchEmbed(clips, transform, rows, projection, bias.Operand, y.Operand);
        if (!Op.IsRecorded(scope, out Tape? tape, pixels, weight, bias))
            return y;
        Op.Require(!pixels.RequiresGrad || transform is null, $"PatchEmbed: pixels that require a gradient come without a transform");
        tape.Record(y, dy =>
        {
            tape.Accumulate(weight, (in Operand dweight, bool accumulate) =>
                backend.PatchEmbedWeightGrad(clips, transform, rows, dy.Operand, Reshaped(dweight, kernel), accumulate));
            tape.Contribute(bias, dbias => backend.Sum(Op.Matrix(dy), 1, dbias with { Layout = new Layout([1, bias.Shape[0]], dbias.Layout.Offset) }));
            tape.Contribute(pixels, dpixels =>
            {
                Tensor all = dy;
                if (rows is { } seen)
                {
                    // A patch that is not seen gets 0 and one seen twice both, as rows of a table do.
                    all = tape.Empty([batch, tokens, kernel[0]], weight.DType);
                    backend.EmbeddingGrad(Op.Matrix(dy), seen, Op.Matrix(all));
                }
                backend.PatchEmbedPixelsGrad(all.Operand, projection, Reshaped(dpixels, frames));
                if (rows is not null)
                    all.Release();
            });
        });
        return y;
    }

    /// <summary>The operand with a dimension of length 1 more, which any layout takes.</summary>
    private static Operand Reshaped(in Operand x, in Shape shape)
    {
        x.Layout.TryReshape(shape, out Layout layout);
        return x with { Layout = layout };
    }
}
