namespace JepaEngine.Jepa.Models;

/// <summary>
/// I-JEPA (arXiv 2301.08243; facebookresearch/ijepa): predicts the features of blocks of a picture from those of the rest. Vision transformers with
/// added sine-cosine positions, without a class token. Released, each with a predictor 384 wide:
/// <code>
/// ViT-H/14 224 px   1280 x 32 blocks, 16 heads of 80    predictor 12 blocks, 16 heads of 24
/// ViT-H/16 448 px   the same
/// ViT-g/16 224 px   1408 x 40 blocks, 16 heads of 88    predictor 16 blocks
/// </code>
/// </summary>
public sealed class IJepa : MetaModel
{
    private readonly IJepaEncoder encoder;

    /// <summary>The family.</summary>
    public static JepaFamily Family { get; } = new IJepaFamily();

    /// <summary>A model without memory.</summary>
    /// <exception cref="ArgumentException">No I-JEPA has these sizes.</exception>
    public IJepa(JepaConfig config) : base(Family, config)
    {
        encoder = Child("encoder", new IJepaEncoder(config));
        Predictor = config.Predictor is null ? null : Child("predictor", new MaskedPredictor(
            config, width => SinCosPositions.OfPicture(config.Grid, width), single: true));
    }

    /// <summary>ViT-H/14 at 224 pixels.</summary>
    public static JepaConfig Huge14 => Sized(VitSize.Huge, 224, 14, 12);

    /// <summary>ViT-H/16 at 448 pixels.</summary>
    public static JepaConfig Huge16 => Sized(VitSize.Huge, 448, 16, 12);

    /// <summary>ViT-g/16 at 224 pixels.</summary>
    public static JepaConfig Giant16 => Sized(VitSize.Giant, 224, 16, 16);

    /// <summary>Predicts masked patches; null where the file has the encoder alone.</summary>
    public MaskedPredictor? Predictor { get; }

    /// <summary>Whether pictures of another size than the model's are taken, with the table of positions stretched to
    /// their grid (bicubic, as transformers' interpolate_pos_encoding); otherwise they are refused.</summary>
    public bool InterpolatesPositions
    {
        get => encoder.InterpolatesPositions;
        set => encoder.InterpolatesPositions = value;
    }

    /// <inheritdoc/>
    public override Tensor Encode(Tensor pixels, Tensor? visible = null, Action<int, Tensor>? observe = null) =>
        encoder.Forward(pixels, visible, observe);

    /// <inheritdoc/>
    public override string Takes =>
        $"{Picture} [B, C, H, W], ({ContextMask} [B, K] with {TargetMask}_0, {TargetMask}_1 .. [B, K])";

    /// <inheritdoc/>
    protected override string[] InputNames => [Picture, ContextMask, TargetMask + "_"];

    /// <summary>Whoever brings frames of another size asks for positions between the model's.</summary>
    public override Tensor Tokens(Tensor frames, Action<int, Tensor>? observe = null) =>
        encoder.Forward(frames.Select(1, 0), null, observe, interpolate: true);

    /// <inheritdoc/>
    protected override IReadOnlyList<(string Name, Tensor Tensor)> RunNamed(NamedInputs given, RunOptions options)
    {
        Tensor pixels = given.Needed(Picture), tokens = Encode(pixels);
        List<(string, Tensor)> outputs = [("last_hidden_state", tokens)];
        if (!given.Any(ContextMask) && !given.Any(TargetMask))
            return outputs;
        Tensor context = Ids(given.Needed(ContextMask), ContextMask, tokens.Shape[1]);
        Tensor[] targets = [.. given.Numbered(TargetMask + "_")
            .Select((ids, i) => Ids(ids, $"{TargetMask}_{i}", tokens.Shape[1]))];
        Tensor seen = Context(pixels, tokens, context, options);
        outputs.Add(("context_hidden_state", seen));
        outputs.Add(("predictions", TensorOps.Concat(0,
            [.. targets.Select(target => Needed(Predictor).Forward(seen, context, target, tokens: tokens.Shape[1]))])));
        return outputs;
    }

    private static JepaConfig Sized(VitSize encoder, int imageSize, int patch, int predictorDepth) => new()
    {
        Family = Family, Encoder = encoder, Predictor = new VitSize(384, predictorDepth, encoder.Heads, 1536),
        ImageSize = imageSize, Patch = patch, Frames = 1, Tubelet = 1, TargetWidth = encoder.Width,
    };
}

/// <summary>Patches and positions, blocks, a final LayerNorm.</summary>
public sealed class IJepaEncoder : Module
{
    private readonly JepaConfig config;
    private readonly PatchEmbed patchEmbed;
    private readonly Parameter positions;
    private readonly TransformerBlocks blocks;
    private readonly LayerNorm norm;

    internal IJepaEncoder(JepaConfig config)
    {
        this.config = config;
        int width = config.Encoder.Width;
        patchEmbed = Child("patch_embed", TransformerBlock.Patches(config, 0));
        positions = Buffer("positions", [1, config.Tokens, width], new Init.Values(() => SinCosPositions.OfPicture(config.Grid, width)));
        blocks = Child("blocks", new TransformerBlocks(config.Encoder, config.Epsilon));
        norm = Child("norm", new LayerNorm(width, config.Epsilon));
    }

    internal bool InterpolatesPositions { get; set; }

    /// <summary>Pictures [B, C, H, W] to tokens [B, N, D], or [B, K, D] of the visible ids [B, K].</summary>
    public Tensor Forward(Tensor pixels, Tensor? visible = null, Action<int, Tensor>? observe = null, bool interpolate = false)
    {
        JepaConfig.Require(pixels.Shape.Rank == 4, $"I-JEPA sees pictures [B, C, H, W], not {pixels.Shape}; a clip needs a V-JEPA");
        TokenGrid grid = TokenGrid.Of(pixels, config);
        bool own = grid.Rows == config.Grid && grid.Columns == config.Grid;
        JepaConfig.Require(own || interpolate || InterpolatesPositions, $"pictures of {pixels.Shape[3]} x {pixels.Shape[2]} pixels, but the model's positions are for "
            + $"{config.ImageSize} x {config.ImageSize}; resize them, or let positions be interpolated "
            + $"(IJepa.InterpolatesPositions; jepa encode --size does)");
        Tensor patches = patchEmbed.Forward(pixels, pixels.DType == DType.U8 ? config.PixelTransform : null, visible);
        Tensor table = own ? patches.Scope.Use(positions.Value).Select(0, 0) : Interpolated(patches.Scope, grid);
        Tensor x = blocks.Advance(patches + (visible is null ? table : table.Embedding(visible)), observe: observe);
        return norm.Forward(x);
    }

    private Tensor Interpolated(TensorScope scope, TokenGrid grid)
    {
        float[] table = PositionResize.Bicubic(positions.Value.ToArray<float>(), config.Grid, grid.Rows, grid.Columns);
        return scope.From<float>(table, [grid.Count, config.Encoder.Width]);
    }
}
