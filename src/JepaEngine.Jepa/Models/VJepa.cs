using JepaEngine.Nn;
using JepaEngine.Ops;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Jepa.Models;

/// <summary>
/// V-JEPA (arXiv 2404.08471; facebookresearch/jepa): as I-JEPA, for clips: tubelets of 2 frames, positions added along time, row and column. Released at
/// 16 frames, each with a predictor of 12 blocks, 384 wide, with 16 heads of 24 and two mask tokens (one a mask configuration):
/// <code>
/// ViT-L/16 224 px   1024 x 24 blocks, 16 heads of 64    1568 tokens
/// ViT-H/16 224 px   1280 x 32 blocks, 16 heads of 80    1568 tokens
/// ViT-H/16 384 px   1280 x 32 blocks                    4608 tokens
/// </code>
/// </summary>
public sealed class VJepa : MetaModel
{
    private readonly VJepaEncoder encoder;

    /// <summary>The family.</summary>
    public static JepaFamily Family { get; } = new VJepaFamily();

    /// <summary>A model without memory.</summary>
    /// <exception cref="ArgumentException">No V-JEPA has these sizes.</exception>
    public VJepa(JepaConfig config) : base(Family, config)
    {
        encoder = Child("encoder", new VJepaEncoder(config));
        Predictor = config.Predictor is null ? null : Child("predictor", new VJepaPredictor(config));
    }

    /// <summary>ViT-L/16 at 224 pixels.</summary>
    public static JepaConfig Large224 => Sized(VitSize.Large, 224);

    /// <summary>ViT-H/16 at 224 pixels.</summary>
    public static JepaConfig Huge224 => Sized(VitSize.Huge, 224);

    /// <summary>ViT-H/16 at 384 pixels.</summary>
    public static JepaConfig Huge384 => Sized(VitSize.Huge, 384);

    /// <summary>Predicts masked tubelets; null where the file has the encoder alone.</summary>
    public VJepaPredictor? Predictor { get; }

    /// <inheritdoc/>
    public override Tensor Encode(Tensor pixels, Tensor? visible = null, Action<int, Tensor>? observe = null) =>
        encoder.Forward(pixels, visible, observe);

    /// <summary>As the original: the predictor reads what the encoder makes of the visible tubelets alone.</summary>
    protected override IReadOnlyList<(string Name, Tensor Tensor)> RunNamed(NamedInputs given, RunOptions options)
    {
        Tensor pixels = given.Needed(Video), tokens = Encode(pixels);
        List<(string, Tensor)> outputs = Outputs(tokens);
        if (Masks(given) is not var (context, target))
            return outputs;
        Tensor seen = Context(pixels, tokens, context, options);
        outputs.Add(("context_hidden_state", seen));
        outputs.Add(("predictor_last_hidden_state", Needed(Predictor).Forward(seen, context, target, MaskToken(options))));
        return outputs;
    }

    private static JepaConfig Sized(VitSize encoder, int imageSize) => new()
    {
        Family = Family,
        Encoder = encoder,
        Predictor = new VitSize(384, 12, encoder.Heads, 1536),
        ImageSize = imageSize,
        Frames = 16,
        MaskTokens = 2,
        TargetWidth = encoder.Width,
    };
}

/// <summary>Tubelets and positions, blocks, a final LayerNorm.</summary>
public sealed class VJepaEncoder : Module
{
    private readonly JepaConfig config;
    private readonly PatchEmbed patchEmbed;
    private readonly Parameter positions;
    private readonly TransformerBlocks blocks;
    private readonly LayerNorm norm;

    internal VJepaEncoder(JepaConfig config)
    {
        this.config = config;
        int width = config.Encoder.Width, times = config.Frames / config.Tubelet;
        patchEmbed = Child("patch_embed", new PatchEmbed(3, config.Patch, width, config.Tubelet, TransformerBlock.Start, new Init.Constant(0)));
        positions = Buffer("positions", [1, config.Tokens, width], new Init.Values(() => SinCosPositions.OfClip(times, config.Grid, width)));
        blocks = Child("blocks", new TransformerBlocks(config.Encoder, config.Epsilon));
        norm = Child("norm", new LayerNorm(width, config.Epsilon));
    }

    /// <summary>Clips [B, T, C, H, W] to tokens [B, N, D], or [B, K, D] of the visible ids [B, K].</summary>
    public Tensor Forward(Tensor pixels, Tensor? visible = null, Action<int, Tensor>? observe = null)
    {
        JepaConfig.Require(pixels.Shape.Rank == 5, $"V-JEPA sees clips [B, T, C, H, W], not {pixels.Shape}");
        TokenGrid grid = TokenGrid.Of(pixels, config), own = new(config.Frames / config.Tubelet, config.Grid, config.Grid);
        JepaConfig.Require(grid == own, $"clips of {pixels.Shape[1]} frames of {pixels.Shape[4]} x {pixels.Shape[3]} pixels, but the model's positions are for "
            + $"{config.Frames} frames of {config.ImageSize} x {config.ImageSize}; sample and resize them");
        Tensor patches = patchEmbed.Forward(TokenGrid.Clip(pixels, config.Tubelet), pixels.DType == DType.U8 ? config.PixelTransform : null, visible);
        Tensor x = patches + (visible is null ? positions.Value : patches.Scope.Use(positions.Value).Select(0, 0).Embedding(visible));
        x = blocks.Advance(x, observe: observe);
        return norm.Forward(x);
    }
}

/// <summary>From the tokens of a context and the places of targets to the targets' features.</summary>
public sealed class VJepaPredictor : Module
{
    private readonly Linear embed, projection;
    private readonly Parameter[] maskTokens;
    private readonly Parameter positions;
    private readonly TransformerBlocks blocks;
    private readonly LayerNorm norm;

    internal VJepaPredictor(JepaConfig config)
    {
        VitSize size = config.Predictor!;
        embed = Child("embed", TransformerBlock.Layer(config.Encoder.Width, size.Width));
        maskTokens = new Parameter[config.MaskTokens];
        for (int i = 0; i < maskTokens.Length; i++)
            maskTokens[i] = Trained($"mask_tokens.{i}", [1, 1, size.Width], new Init.Constant(0));
        positions = Buffer("positions", [1, config.Tokens, size.Width],
            new Init.Values(() => SinCosPositions.OfClip(config.Frames / config.Tubelet, config.Grid, size.Width)));
        blocks = Child("blocks", new TransformerBlocks(size, config.Epsilon));
        norm = Child("norm", new LayerNorm(size.Width, config.Epsilon));
        projection = Child("projection", TransformerBlock.Layer(size.Width, config.TargetWidth));
    }

    /// <summary>Context tokens [B, Kc, D] at ids [B, Kc] and target ids [B, Kt] to predictions [B, Kt, D].</summary>
    /// <param name="context">The encoder's output for the visible tubelets.</param>
    /// <param name="contextIds">Where they are.</param>
    /// <param name="targetIds">What to predict.</param>
    /// <param name="maskIndex">Which mask token stands for the targets: 0 for short-range masks, 1 (the reference's default) for long-range ones.</param>
    public Tensor Forward(Tensor context, Tensor contextIds, Tensor targetIds, int maskIndex = 1)
    {
        Tensor table = context.Scope.Use(positions.Value).Select(0, 0);
        Tensor x = embed.Forward(context) + table.Embedding(contextIds);
        x = TensorOps.Concat(1, x, table.Embedding(targetIds) + maskTokens[maskIndex % maskTokens.Length].Value);
        x = blocks.Advance(x);
        int seen = contextIds.Shape[1];
        return projection.Forward(norm.Forward(x.Slice(1, seen, x.Shape[1] - seen)));
    }
}

/// <summary>V-JEPA (arXiv 2404.08471): Meta's files.</summary>
internal sealed class VJepaFamily : MetaFamily
{
    public VJepaFamily() : base("V-JEPA", "vjepa", Sight.WholeClips)
    {
        (Context, HasMaskTokens, ReleasedFrames) = (ContextView.Visible, true, 16);
    }

    public override IReadOnlyList<(string Name, IModelConfig Config)> Released =>
    [
        ("V-JEPA ViT-L/16 224", VJepa.Large224),
        ("V-JEPA ViT-H/16 224", VJepa.Huge224),
        ("V-JEPA ViT-H/16 384", VJepa.Huge384),
    ];

    public override JepaModel Create(IModelConfig config) => new VJepa((JepaConfig)config);

    /// <summary>Whether a file's predictor is one of V-JEPA: two mask tokens (V-JEPA 2: ten) and positions.</summary>
    internal static bool Has(OriginalFile file) =>
        file.MaskTokens is 1 or 2 && file.PredictorHas("predictor_pos_embed");

    /// <summary>An encoder with positions but without a predictor may be a V-JEPA 2 too.</summary>
    private protected override bool IsOriginal(OriginalFile file) =>
        file.Clips && !VJepa21Family.Has(file) && !VJepa2AcFamily.Has(file)
        && (file.MaskTokens == 0 ? file.EncoderHas("pos_embed") : Has(file));

    private protected override int? PredictorHeads(JepaConfig config, int width) =>
        width == 384 ? config.Encoder.Heads : null;
}
