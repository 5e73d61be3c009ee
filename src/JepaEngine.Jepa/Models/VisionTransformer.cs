using JepaEngine.Backends;

namespace JepaEngine.Jepa.Models;

/// <summary>A pre-norm vision transformer with a class token and learned positions ("An image is worth 16x16 words",
/// arXiv 2010.11929), as Hugging Face's ViTModel without a pooler: exact GELU, biases everywhere, a final
/// LayerNorm.</summary>
public sealed class VisionTransformer : Module
{
    private readonly PixelTransform transform;
    private readonly PatchEmbed patchEmbed;
    private readonly Parameter classToken, positions;
    private readonly TransformerBlock[] blocks;
    private readonly LayerNorm norm;

    /// <summary>The encoder of a world model.</summary>
    public VisionTransformer(LeWorldModelConfig config)
    {
        int width = config.EncoderWidth;
        bool fanIn = config.EncoderInit == EncoderInit.FanIn;
        Func<int, Init> weights = fanIn ? inputs => new Init.Normal(1 / Math.Sqrt(inputs)) : _ => new Init.Normal(0.02);
        transform = config.PixelTransform;
        classToken = Trained("class_token", [1, 1, width], new Init.Normal(0.02));
        positions = Trained("positions", [1, config.Tokens + 1, width], fanIn
            ? new Init.Values(() => [.. FirstPosition(width), .. SinCosPositions.OfPicture(config.ImageSize / config.Patch, width, 100)])
            : new Init.Normal(0.02));
        Init projection = weights(3 * config.Patch * config.Patch);
        patchEmbed = Child("patch_embed", new PatchEmbed(3, config.Patch, width, weightInit: projection, biasInit: new Init.Constant(0)));
        blocks = new TransformerBlock[config.EncoderDepth];
        var size = new VitSize(width, config.EncoderDepth, config.EncoderHeads, config.EncoderMlp);
        for (int i = 0; i < blocks.Length; i++)
            blocks[i] = Child($"blocks.{i}", new TransformerBlock(size, config.EncoderEpsilon, weights, stacked: true));
        norm = Child("norm", new LayerNorm(width, config.EncoderEpsilon));
    }

    /// <summary>The class token's output [B, width] of pictures [B, 3, H, W]. The last block computes its query,
    /// projection and MLP for the class token alone: nothing reads the others.</summary>
    public Tensor Forward(Tensor pixels)
    {
        Tensor x = Embed(pixels);
        for (int i = 0; i < blocks.Length - 1; i++)
            x = blocks[i].Forward(x);
        return norm.Forward(blocks[^1].ForwardFirst(x)).Select(1, 0);
    }

    /// <summary>All tokens [B, 1 + N, width], the class token first.</summary>
    public Tensor Tokens(Tensor pixels, Action<int, Tensor>? observe = null)
    {
        Tensor x = Embed(pixels);
        for (int i = 0; i < blocks.Length; i++)
        {
            x = blocks[i].Forward(x);
            observe?.Invoke(i, x);
        }
        return norm.Forward(x);
    }

    private Tensor Embed(Tensor pixels)
    {
        Tensor patches = patchEmbed.Forward(pixels, pixels.DType == DType.U8 ? transform : null);
        Tensor first = patches.Scope.Use(classToken.Value).Broadcast([patches.Shape[0], 1, patches.Shape[2]]);
        return TensorOps.Concat(1, first, patches) + positions.Value;
    }

    /// <summary>Where the class token starts, [width]: normal, and the same for every seed.</summary>
    private static float[] FirstPosition(int width)
    {
        var random = new PhiloxRandom(new PhiloxKey(0x706F73));
        float[] row = new float[width];
        foreach (ref float number in row.AsSpan())
            number = random.NextNormal();
        return row;
    }
}
