using JepaEngine.Jepa.Checkpoints;
using JepaEngine.Nn;
using JepaEngine.Ops;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

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
public sealed class IJepa : JepaModel
{
    private readonly IJepaEncoder encoder;

    /// <summary>A model without memory.</summary>
    /// <exception cref="ArgumentException">No I-JEPA has these sizes.</exception>
    public IJepa(JepaConfig config) : base(Of(JepaFamily.IJepa, config))
    {
        encoder = Child("encoder", new IJepaEncoder(config));
        Predictor = config.Predictor is null ? null : Child("predictor", new IJepaPredictor(config));
    }

    /// <summary>ViT-H/14 at 224 pixels.</summary>
    public static JepaConfig Huge14 => Sized(VitSize.Huge, 224, 14, 12);

    /// <summary>ViT-H/16 at 448 pixels.</summary>
    public static JepaConfig Huge16 => Sized(VitSize.Huge, 448, 16, 12);

    /// <summary>ViT-g/16 at 224 pixels.</summary>
    public static JepaConfig Giant16 => Sized(VitSize.Giant, 224, 16, 16);

    /// <summary>Predicts masked patches; null where the file has the encoder alone.</summary>
    public IJepaPredictor? Predictor { get; }

    /// <summary>Reads an I-JEPA: the original <c>.pth.tar</c>, a Hugging Face folder, or a file of ours.</summary>
    /// <exception cref="IO.BadFileException">The file is damaged, or holds another family.</exception>
    public static IJepa Load(string path, Device device, LoadOptions? options = null) => ModelFile.Load<IJepa>(path, device, options);

    /// <summary>
    /// Whether pictures of another size than the model's are taken, with the table of positions stretched to their grid (bicubic, as transformers'
    /// interpolate_pos_encoding); otherwise they are refused.
    /// </summary>
    public bool InterpolatesPositions
    {
        get => encoder.InterpolatesPositions;
        set => encoder.InterpolatesPositions = value;
    }

    /// <inheritdoc/>
    public override Tensor Encode(Tensor pixels, Tensor? visible = null, Action<int, Tensor>? observe = null) =>
        encoder.Forward(pixels, visible, observe);

    private static JepaConfig Sized(VitSize encoder, int imageSize, int patch, int predictorDepth) => new()
    {
        Family = JepaFamily.IJepa,
        Encoder = encoder,
        Predictor = new VitSize(384, predictorDepth, encoder.Heads, 1536),
        ImageSize = imageSize,
        Patch = patch,
        Frames = 1,
        Tubelet = 1,
        TargetWidth = encoder.Width,
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
        patchEmbed = Child("patch_embed", new PatchEmbed(3, config.Patch, width, 0, TransformerBlock.Start, new Init.Constant(0)));
        positions = Buffer("positions", [1, config.Tokens, width], new Init.Values(() => SinCosPositions.OfPicture(config.Grid, width)));
        blocks = Child("blocks", new TransformerBlocks(config.Encoder, config.Epsilon));
        norm = Child("norm", new LayerNorm(width, config.Epsilon));
    }

    internal bool InterpolatesPositions { get; set; }

    /// <summary>Pictures [B, C, H, W] to tokens [B, N, D], or [B, K, D] of the visible ids [B, K].</summary>
    public Tensor Forward(Tensor pixels, Tensor? visible = null, Action<int, Tensor>? observe = null)
    {
        JepaConfig.Require(pixels.Shape.Rank == 4, $"I-JEPA sees pictures [B, C, H, W], not {pixels.Shape}; a clip needs a V-JEPA");
        TokenGrid grid = TokenGrid.Of(pixels, config);
        bool own = grid.Rows == config.Grid && grid.Columns == config.Grid;
        JepaConfig.Require(own || InterpolatesPositions, $"pictures of {pixels.Shape[3]} x {pixels.Shape[2]} pixels, but the model's positions are for "
            + $"{config.ImageSize} x {config.ImageSize}; resize them, or let positions be interpolated");
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

/// <summary>From the tokens of a context and the places of targets to the targets' features.</summary>
public sealed class IJepaPredictor : Module
{
    private readonly Linear embed, projection;
    private readonly Parameter maskToken, positions;
    private readonly TransformerBlocks blocks;
    private readonly LayerNorm norm;

    internal IJepaPredictor(JepaConfig config)
    {
        VitSize size = config.Predictor!;
        embed = Child("embed", TransformerBlock.Layer(config.Encoder.Width, size.Width));
        maskToken = Trained("mask_token", [1, 1, size.Width], TransformerBlock.Start);
        positions = Buffer("positions", [1, config.Tokens, size.Width], new Init.Values(() => SinCosPositions.OfPicture(config.Grid, size.Width)));
        blocks = Child("blocks", new TransformerBlocks(size, config.Epsilon));
        norm = Child("norm", new LayerNorm(size.Width, config.Epsilon));
        projection = Child("projection", TransformerBlock.Layer(size.Width, config.TargetWidth));
    }

    /// <summary>
    /// Context tokens [B, Kc, D] at ids [B, Kc] and target ids [B, Kt] to predictions [B, Kt, D]. Several targets of one context are one call each, joined
    /// along the batch (mask-major, as the reference has them).
    /// </summary>
    public Tensor Forward(Tensor context, Tensor contextIds, Tensor targetIds)
    {
        Tensor table = context.Scope.Use(positions.Value).Select(0, 0);
        Tensor x = embed.Forward(context) + table.Embedding(contextIds);
        x = TensorOps.Concat(1, x, table.Embedding(targetIds) + maskToken.Value);
        x = blocks.Advance(x);
        int seen = contextIds.Shape[1];
        return projection.Forward(norm.Forward(x.Slice(1, seen, x.Shape[1] - seen)));
    }
}
