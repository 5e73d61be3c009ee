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
    private readonly ClipEncoder encoder;

    /// <summary>The family.</summary>
    public static JepaFamily Family { get; } = new VJepa2Family();

    /// <summary>A model without memory.</summary>
    /// <exception cref="ArgumentException">No V-JEPA 2 has these sizes.</exception>
    public VJepa2(JepaConfig config) : base(Family, config)
    {
        encoder = Child("encoder", new ClipEncoder(config));
        Predictor = config.Predictor is null ? null : Child("predictor", new MaskedPredictor(config));
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
    public MaskedPredictor? Predictor { get; }

    /// <inheritdoc/>
    public override Tensor Encode(Tensor pixels, Tensor? visible = null, Action<int, Tensor>? observe = null) =>
        encoder.Forward(pixels, visible, observe);

    /// <inheritdoc/>
    protected override IReadOnlyList<(string Name, Tensor Tensor)> RunNamed(NamedInputs given, RunOptions options)
    {
        Tensor pixels = given.Needed(Video), tokens = Encode(pixels);
        List<(string, Tensor)> outputs = Outputs(tokens);
        if (Masks(given, tokens.Shape[1]) is var (context, target))
        {
            Tensor seen = Context(pixels, tokens, context, options);
            outputs.Add(("predictor_last_hidden_state", Needed(Predictor).Forward(seen, context, target, MaskToken(options), tokens.Shape[1])));
        }
        return outputs;
    }

    private static JepaConfig Sized(VitSize encoder, int imageSize) => new()
    {
        Family = Family, Encoder = encoder, Predictor = new VitSize(384, 12, 12, 1536), ImageSize = imageSize,
        MaskTokens = 10, TargetWidth = encoder.Width,
    };
}

/// <summary>Tubelets, blocks with rotary positions or behind added ones, a final LayerNorm.</summary>
public sealed class ClipEncoder : Module
{
    private readonly JepaConfig config;
    private readonly PatchEmbed patchEmbed;
    private readonly Parameter? positions;
    private readonly TransformerBlocks blocks;
    private readonly LayerNorm norm;

    /// <param name="config">The model's sizes.</param>
    /// <param name="table">The positions [N, width] that are added, of a width; null for rotary ones.</param>
    internal ClipEncoder(JepaConfig config, Func<int, float[]>? table = null)
    {
        this.config = config;
        int width = config.Encoder.Width;
        patchEmbed = Child("patch_embed", TransformerBlock.Patches(config, config.Tubelet));
        if (table is not null)
            positions = Buffer("positions", [1, config.Tokens, width], new Init.Values(() => table(width)));
        blocks = Child("blocks", new TransformerBlocks(config.Encoder, config.Epsilon));
        norm = Child("norm", new LayerNorm(width, config.Epsilon));
    }

    /// <summary>Clips [B, T, C, H, W] to tokens [B, N, D], or [B, K, D] of the visible ids [B, K]. With rotary
    /// positions, which are raw tubelets, rows and columns, they are of any size, and a single frame fills a
    /// tubelet.</summary>
    public Tensor Forward(Tensor pixels, Tensor? visible = null, Action<int, Tensor>? observe = null)
    {
        string mend = positions is null ? "; a picture is a clip of one frame" : "";
        JepaConfig.Require(
            pixels.Shape.Rank == 5, $"{config.Family.Name} sees clips [B, T, C, H, W], not {pixels.Shape}{mend}");
        TokenGrid grid = TokenGrid.Of(pixels, config);
        JepaConfig.Require(
            positions is null || grid == new TokenGrid(config.Frames / config.Tubelet, config.Grid, config.Grid),
            $"clips of {pixels.Shape[1]} frames of {pixels.Shape[4]} x {pixels.Shape[3]} pixels, but the model's "
            + $"positions are for {config.Frames} frames of {config.ImageSize} x {config.ImageSize}; sample and resize them");
        Tensor x = patchEmbed.Forward(
            TokenGrid.Clip(pixels, config.Tubelet), pixels.DType == DType.U8 ? config.PixelTransform : null, visible);
        if (positions is not null)
            x += visible is null ? positions.Value : x.Scope.Use(positions.Value).Select(0, 0).Embedding(visible);
        int batch = visible is null ? 1 : x.Shape[0];
        RotaryTable? rotary = positions is not null ? null
            : RotaryTable.Of(x.Scope, grid.Positions(visible), batch, config.Encoder.HeadWidth, interleaved: false);
        return norm.Forward(blocks.Advance(x, rotary, observe: observe));
    }
}
