using JepaEngine.Nn;
using JepaEngine.Ops;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Jepa.Models;

/// <summary>
/// V-JEPA 2 (arXiv 2506.09985; facebookresearch/vjepa2): clips in tubelets of 2 frames, no added positions but rotary ones in every block (tiled
/// frequencies, see <see cref="RotaryTable"/>). Released at 64 frames, each with a predictor of 12 blocks, 384 wide, with 12 heads of 32 and 10 mask tokens:
/// <code>
/// ViT-L/16 256 px   1024 x 24 blocks, 16 heads of 64     8192 tokens
/// ViT-H/16 256 px   1280 x 32 blocks, 16 heads of 80     8192 tokens
/// ViT-g/16 256 px   1408 x 40 blocks, 22 heads of 64     8192 tokens
/// ViT-g/16 384 px   1408 x 40 blocks                    18432 tokens
/// </code>
/// </summary>
public sealed class VJepa2 : MetaModel
{
    private readonly VJepa2Encoder encoder;

    /// <summary>The family.</summary>
    public static JepaFamily Family { get; } = new VJepa2Family();

    /// <summary>A model without memory.</summary>
    /// <exception cref="ArgumentException">No V-JEPA 2 has these sizes.</exception>
    public VJepa2(JepaConfig config) : base(Family, config)
    {
        encoder = Child("encoder", new VJepa2Encoder(config));
        Predictor = config.Predictor is null ? null : Child("predictor", new VJepa2Predictor(config));
    }

    /// <summary>ViT-L/16 at 256 pixels.</summary>
    public static JepaConfig Large256 => Sized(VitSize.Large, 256);

    /// <summary>ViT-H/16 at 256 pixels.</summary>
    public static JepaConfig Huge256 => Sized(VitSize.Huge, 256);

    /// <summary>ViT-g/16 at 256 pixels.</summary>
    public static JepaConfig Giant256 => Sized(VitSize.GiantXformers, 256);

    /// <summary>ViT-g/16 at 384 pixels.</summary>
    public static JepaConfig Giant384 => Sized(VitSize.GiantXformers, 384);

    /// <summary>Predicts masked tubelets; null where the file has the encoder alone.</summary>
    public VJepa2Predictor? Predictor { get; }

    /// <inheritdoc/>
    public override Tensor Encode(Tensor pixels, Tensor? visible = null, Action<int, Tensor>? observe = null) =>
        encoder.Forward(pixels, visible, observe);

    /// <inheritdoc/>
    protected override IReadOnlyList<(string Name, Tensor Tensor)> RunNamed(NamedInputs given, RunOptions options)
    {
        Tensor pixels = given.Needed(Video), tokens = Encode(pixels);
        List<(string, Tensor)> outputs = Outputs(tokens);
        if (Masks(given) is var (context, target))
        {
            Tensor seen = Context(pixels, tokens, context, options);
            outputs.Add(("predictor_last_hidden_state", Needed(Predictor).Forward(seen, context, target, MaskToken(options))));
        }
        return outputs;
    }

    private static JepaConfig Sized(VitSize encoder, int imageSize) => new()
    {
        Family = Family,
        Encoder = encoder,
        Predictor = new VitSize(384, 12, 12, 1536),
        ImageSize = imageSize,
        MaskTokens = 10,
        TargetWidth = encoder.Width,
    };
}

/// <summary>Tubelets, blocks with rotary positions, a final LayerNorm.</summary>
public sealed class VJepa2Encoder : Module
{
    private readonly JepaConfig config;
    private readonly PatchEmbed patchEmbed;
    private readonly TransformerBlocks blocks;
    private readonly LayerNorm norm;

    internal VJepa2Encoder(JepaConfig config)
    {
        this.config = config;
        patchEmbed = Child("patch_embed",
            new PatchEmbed(3, config.Patch, config.Encoder.Width, config.Tubelet, TransformerBlock.Start, new Init.Constant(0)));
        blocks = Child("blocks", new TransformerBlocks(config.Encoder, config.Epsilon));
        norm = Child("norm", new LayerNorm(config.Encoder.Width, config.Epsilon));
    }

    /// <summary>
    /// Clips [B, T, C, H, W] of any size to tokens [B, N, D], or [B, K, D] of the visible ids [B, K]. A single frame fills a tubelet. Positions are raw
    /// tubelets, rows and columns.
    /// </summary>
    public Tensor Forward(Tensor pixels, Tensor? visible = null, Action<int, Tensor>? observe = null)
    {
        JepaConfig.Require(pixels.Shape.Rank == 5, $"V-JEPA 2 sees clips [B, T, C, H, W], not {pixels.Shape}; a picture is a clip of one frame");
        TokenGrid grid = TokenGrid.Of(pixels, config);
        Tensor x = patchEmbed.Forward(TokenGrid.Clip(pixels, config.Tubelet), pixels.DType == DType.U8 ? config.PixelTransform : null, visible);
        RotaryTable rotary = RotaryTable.Of(x.Scope, grid.Positions(visible), visible is null ? 1 : x.Shape[0], config.Encoder.HeadWidth, interleaved: false);
        x = blocks.Advance(x, rotary, observe: observe);
        return norm.Forward(x);
    }
}

/// <summary>
/// From the tokens of a context and the places of targets to the targets' features. The reference sorts context and targets by position first; without a
/// mask in the attention the order of tokens changes nothing, so they stay as they come.
/// </summary>
public sealed class VJepa2Predictor : Module
{
    private readonly JepaConfig config;
    private readonly Linear embed, projection;
    private readonly Parameter[] maskTokens;
    private readonly TransformerBlocks blocks;
    private readonly LayerNorm norm;

    internal VJepa2Predictor(JepaConfig config)
    {
        this.config = config;
        VitSize size = config.Predictor!;
        embed = Child("embed", TransformerBlock.Layer(config.Encoder.Width, size.Width));
        maskTokens = new Parameter[config.MaskTokens];
        for (int i = 0; i < maskTokens.Length; i++)
            maskTokens[i] = Trained($"mask_tokens.{i}", [1, 1, size.Width], new Init.Constant(0));
        blocks = Child("blocks", new TransformerBlocks(size, config.Epsilon));
        norm = Child("norm", new LayerNorm(size.Width, config.Epsilon));
        projection = Child("projection", TransformerBlock.Layer(size.Width, config.TargetWidth));
    }

    /// <summary>Context tokens [B, Kc, D] at ids [B, Kc] and target ids [B, Kt] to predictions [B, Kt, D]. Ids count in the square grid of the
    /// configured image size, as in the reference.</summary>
    /// <param name="context">The encoder's output for the context.</param>
    /// <param name="contextIds">Where it is.</param>
    /// <param name="targetIds">What to predict.</param>
    /// <param name="maskIndex">Which mask token stands for the targets; the reference's default is 1.</param>
    public Tensor Forward(Tensor context, Tensor contextIds, Tensor targetIds, int maskIndex = 1)
    {
        int batch = context.Shape[0], targets = targetIds.Shape[1], seen = contextIds.Shape[1], width = config.Predictor!.Width;
        TensorScope scope = context.Scope;
        Tensor target = scope.Use(maskTokens[maskIndex % maskTokens.Length].Value).Broadcast([batch, targets, width]);
        Tensor x = TensorOps.Concat(1, embed.Forward(context), target);
        var grid = new TokenGrid(1, config.Grid, config.Grid);
        RotaryTable rotary = RotaryTable.Of(scope, grid.Positions(contextIds, targetIds), batch, config.Predictor!.HeadWidth, interleaved: false);
        x = blocks.Advance(x, rotary);
        return projection.Forward(norm.Forward(x.Slice(1, seen, targets)));
    }
}
