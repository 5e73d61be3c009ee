using JepaEngine.Backends;
using JepaEngine.Nn;
using JepaEngine.Ops;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Jepa.Models;

/// <summary>
/// A pre-norm vision transformer with a class token and learned positions ("An image is worth 16x16 words", arXiv 2010.11929), as Hugging Face's
/// ViTModel without a pooler: exact GELU, biases everywhere, a final LayerNorm.
/// </summary>
public sealed class VisionTransformer : Module
{
    private readonly PixelTransform transform;
    private readonly PatchEmbed patchEmbed;
    private readonly Parameter classToken, positions;
    private readonly VitBlock[] blocks;
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
            ? new Init.Values(() => SinCosPositions(config.ImageSize / config.Patch, width))
            : new Init.Normal(0.02));
        Init projection = weights(3 * config.Patch * config.Patch);
        patchEmbed = Child("patch_embed", new PatchEmbed(3, config.Patch, width, weightInit: projection, biasInit: new Init.Constant(0)));
        blocks = new VitBlock[config.EncoderDepth];
        for (int i = 0; i < blocks.Length; i++)
            blocks[i] = Child($"blocks.{i}", new VitBlock(width, config.EncoderHeads, config.EncoderMlp, config.EncoderEpsilon, weights));
        norm = Child("norm", new LayerNorm(width, config.EncoderEpsilon));
    }

    /// <summary>
    /// The class token's output [B, width] of pictures [B, 3, H, W]. The last block computes its query, projection and MLP for the class token alone:
    /// nothing reads the others.
    /// </summary>
    public Tensor Forward(Tensor pixels)
    {
        Tensor x = Embed(pixels);
        for (int i = 0; i < blocks.Length - 1; i++)
            x = blocks[i].Forward(x);
        return norm.Forward(blocks[^1].ForwardFirst(x)).Select(1, 0);
    }

    /// <summary>All tokens [B, 1 + N, width], the class token first.</summary>
    public Tensor Tokens(Tensor pixels)
    {
        Tensor x = Embed(pixels);
        foreach (VitBlock block in blocks)
            x = block.Forward(x);
        return norm.Forward(x);
    }

    private Tensor Embed(Tensor pixels)
    {
        Tensor patches = patchEmbed.Forward(pixels, pixels.DType == DType.U8 ? transform : null);
        Tensor first = patches.Scope.Use(classToken.Value).Broadcast([patches.Shape[0], 1, patches.Shape[2]]);
        return TensorOps.Concat(1, first, patches) + positions.Value;
    }

    /// <summary>
    /// [1 + side², width] for positions 0..side−1: with width/4 frequencies 100^(−4i/width) the sines and cosines of the column, then those of the row;
    /// amplitude 1. The class token's row is normal.
    /// </summary>
    private static float[] SinCosPositions(int side, int width)
    {
        float[] table = new float[(1 + side * side) * width];
        var random = new PhiloxRandom(new PhiloxKey(0x706F73));
        for (int d = 0; d < width; d++)
            table[d] = random.NextNormal();
        int quarter = width / 4;
        for (int token = 0; token < side * side; token++)
        {
            Span<float> row = table.AsSpan((1 + token) * width, width);
            for (int i = 0; i < quarter; i++)
            {
                double frequency = Math.Pow(100, -i / (double)quarter);
                (double sinX, double cosX) = Math.SinCos(token % side * frequency);
                (double sinY, double cosY) = Math.SinCos(token / side * frequency);
                row[i] = (float)sinX;
                row[quarter + i] = (float)cosX;
                row[2 * quarter + i] = (float)sinY;
                row[3 * quarter + i] = (float)cosY;
            }
        }
        return table;
    }
}

/// <summary>x += attention(norm1(x)); x += mlp(norm2(x)).</summary>
public sealed class VitBlock : Module
{
    private readonly int width, heads;
    private readonly LayerNorm norm1, norm2;
    private readonly Linear qkv, projection;
    private readonly Mlp mlp;

    /// <summary>A block of these sizes.</summary>
    public VitBlock(int width, int heads, int hidden, double eps, Func<int, Init> weights)
    {
        this.width = width;
        this.heads = heads;
        var zero = new Init.Constant(0);
        norm1 = Child("norm1", new LayerNorm(width, eps));
        qkv = Child("qkv", new Linear(width, 3 * width, weightInit: weights(width), biasInit: zero));
        projection = Child("projection", new Linear(width, width, weightInit: weights(width), biasInit: zero));
        norm2 = Child("norm2", new LayerNorm(width, eps));
        mlp = Child("mlp", new Mlp(width, hidden, weights, zero));
    }

    /// <summary>x [B, N, width], same shape.</summary>
    public Tensor Forward(Tensor x)
    {
        x = projection.Forward(qkv.Forward(norm1.Forward(x)).SelfAttention(heads), residual: x);
        return mlp.Forward(norm2.Forward(x), residual: x);
    }

    /// <summary>The first token's output [B, 1, width]; the others only serve as its keys and values.</summary>
    public Tensor ForwardFirst(Tensor x)
    {
        int batch = x.Shape[0], tokens = x.Shape[1], headWidth = width / heads;
        Tensor h = norm1.Forward(x);
        Tensor weight = x.Scope.Use(qkv.Weight.Value), bias = x.Scope.Use(qkv.Bias!.Value);
        Tensor q = h.Slice(1, 0, 1).Linear(weight.Slice(0, 0, width), bias.Slice(0, 0, width));
        Tensor kv = h.Linear(weight.Slice(0, width, 2 * width), bias.Slice(0, width, 2 * width)).Reshape(batch, tokens, 2, heads, headWidth);
        Tensor y = q.Reshape(batch, 1, heads, headWidth).Attention(kv.Select(2, 0), kv.Select(2, 1));
        x = projection.Forward(y.Reshape(batch, 1, width), residual: x.Slice(1, 0, 1));
        return mlp.Forward(norm2.Forward(x), residual: x);
    }
}
