namespace JepaEngine.Jepa.Models;

/// <summary>
/// V-JEPA 2.1 (arXiv 2603.14482): as V-JEPA 2, with true rotary positions stretched to the grid of 16 x 16 it was pretrained on, a patch embedding and a
/// modality embedding each for clips and for pictures, and features of four levels. Released at 384 pixels and 64 frames, each with a predictor 384 wide
/// with 12 heads of 32 and 8 mask tokens:
/// <code>
/// ViT-B/16    768 x 12 blocks, 12 heads   levels  2  5  8 11   predictor 12 blocks, distilled: reads the last level, predicts the teacher's (1664)
/// ViT-L/16   1024 x 24 blocks, 16 heads   levels  5 11 17 23   predictor 12 blocks, distilled
/// ViT-g/16   1408 x 40 blocks, 22 heads   levels  9 19 29 39   predictor 24 blocks, reads and predicts all levels
/// ViT-G/16   1664 x 48 blocks, 26 heads   levels 11 23 37 47   predictor 24 blocks
/// </code>
/// </summary>
public sealed class VJepa21 : MetaModel
{
    private readonly VJepa21Encoder encoder;

    /// <summary>The family.</summary>
    public static JepaFamily Family { get; } = new VJepa21Family();

    /// <summary>A model without memory.</summary>
    /// <exception cref="ArgumentException">No V-JEPA 2.1 has these sizes.</exception>
    public VJepa21(JepaConfig config) : base(Family, config)
    {
        encoder = Child("encoder", new VJepa21Encoder(config));
        Predictor = config.Predictor is null ? null : Child("predictor", new MaskedPredictor(config));
    }

    /// <summary>ViT-B/16, distilled from ViT-G.</summary>
    public static JepaConfig Base384 => Sized(VitSize.Base, [2, 5, 8, 11], 12, VitSize.Gigantic.Width, fromLevels: false);

    /// <summary>ViT-L/16, distilled from ViT-G.</summary>
    public static JepaConfig Large384 => Sized(VitSize.Large, [5, 11, 17, 23], 12, VitSize.Gigantic.Width, fromLevels: false);

    /// <summary>ViT-g/16.</summary>
    public static JepaConfig Giant384 => Sized(VitSize.GiantXformers, [9, 19, 29, 39], 24, 4 * VitSize.GiantXformers.Width, fromLevels: true);

    /// <summary>ViT-G/16.</summary>
    public static JepaConfig Gigantic384 => Sized(VitSize.Gigantic, [11, 23, 37, 47], 24, 4 * VitSize.Gigantic.Width, fromLevels: true);

    /// <summary>Predicts masked patches; null where the file has the encoder alone.</summary>
    public MaskedPredictor? Predictor { get; }

    /// <summary>Tokens [B, N, D] of clips [B, T, C, H, W] or pictures [B, C, H, W]: the last level.</summary>
    /// <exception cref="ArgumentException">The pixels do not divide into patches.</exception>
    public override Tensor Encode(Tensor pixels, Tensor? visible = null, Action<int, Tensor>? observe = null) =>
        encoder.Forward(pixels, visible, levels: false, observe);

    /// <inheritdoc/>
    public override string Takes => base.Takes + $", ({Picture} [B, C, H, W])";

    /// <inheritdoc/>
    protected override string[] InputNames => [Video, ContextMask, TargetMask, Picture];

    /// <inheritdoc/>
    protected override IReadOnlyList<(string Name, Tensor Tensor)> RunNamed(NamedInputs given, RunOptions options)
    {
        Tensor? clip = given.Optional(Video), picture = given.Optional(Picture);
        if (clip is null && picture is null)
            given.Needed(Video);
        List<(string, Tensor)> outputs = picture is null ? [] : [("image_last_hidden_state", Encode(picture))];
        if (clip is null)
            return outputs;
        (Tensor Context, Tensor Target)? masks = Masks(given, TokenGrid.Of(clip, Config).Count);
        bool whole = options.Context == ContextView.Whole;
        // All levels end with the one that Encode gives: a predictor that reads them of the whole clip needs no second
        // pass.
        bool levels = masks is not null && whole && Config.PredictsFromLevels;
        Tensor read = levels ? EncodeLevels(clip) : Encode(clip);
        int width = Config.Encoder.Width;
        outputs.AddRange(Outputs(levels ? read.Slice(2, read.Shape[2] - width, width).Contiguous() : read));
        if (masks is not var (context, target))
            return outputs;
        Tensor seen = whole ? read.Gather(context) : Config.PredictsFromLevels ? EncodeLevels(clip, context) : Encode(clip, context);
        VJepa21Prediction prediction = Needed(Predictor).ForwardBoth(
            seen, context, target, isPicture: clip.Shape[1] == 1, MaskToken(options), read.Shape[1]);
        outputs.Add(("predictor_last_hidden_state", prediction.Targets));
        outputs.Add(("predictor_context_hidden_state", prediction.Context));
        return outputs;
    }

    /// <summary>As <see cref="Encode"/>, all levels side by side: [B, N, levels · D], what the predictor of g and G reads.</summary>
    public Tensor EncodeLevels(Tensor pixels, Tensor? visible = null) => encoder.Forward(pixels, visible, levels: true, observe: null);

    private static JepaConfig Sized(VitSize encoder, int[] levels, int predictorDepth, int targetWidth, bool fromLevels) => new()
    {
        Family = Family, Encoder = encoder, Predictor = new VitSize(384, predictorDepth, 12, 1536), ImageSize = 384,
        MaskTokens = 8, Levels = levels, PredictsFromLevels = fromLevels, TargetWidth = targetWidth,
    };
}

/// <summary>Patches of clips or of pictures, a modality embedding, blocks with rotary positions, a LayerNorm a level.</summary>
public sealed class VJepa21Encoder : Module
{
    /// <summary>Rows and columns of patches in pretraining: positions are stretched to them.</summary>
    private const int PretrainedGrid = 16;

    private readonly JepaConfig config;
    private readonly PatchEmbed patchEmbed, picturePatchEmbed;
    private readonly Parameter clipModality, pictureModality;
    private readonly TransformerBlocks blocks;
    private readonly LayerNorm[] norms;

    internal VJepa21Encoder(JepaConfig config)
    {
        this.config = config;
        int width = config.Encoder.Width;
        patchEmbed = Child("patch_embed", TransformerBlock.Patches(config, config.Tubelet));
        picturePatchEmbed = Child("picture_patch_embed", TransformerBlock.Patches(config, 1));
        clipModality = Trained("clip_modality", [1, 1, width], new Init.Normal(1e-6));
        pictureModality = Trained("picture_modality", [1, 1, width], new Init.Normal(1e-6));
        blocks = Child("blocks", new TransformerBlocks(config.Encoder, config.Epsilon));
        norms = new LayerNorm[config.Levels.Length];
        for (int i = 0; i < norms.Length; i++)
            norms[i] = Child($"norms.{i}", new LayerNorm(width, config.Epsilon));
    }

    internal Tensor Forward(Tensor pixels, Tensor? visible, bool levels, Action<int, Tensor>? observe)
    {
        JepaConfig.Require(pixels.Shape.Rank is 4 or 5, $"V-JEPA 2.1 sees clips [B, T, C, H, W] or pictures [B, C, H, W], not {pixels.Shape}");
        if (pixels.Shape.Rank == 4)
            pixels = pixels.Reshape(pixels.Shape[0], 1, pixels.Shape[1], pixels.Shape[2], pixels.Shape[3]);
        bool picture = pixels.Shape[1] == 1;
        TokenGrid grid = TokenGrid.Of(pixels, config);
        Tensor x = (picture ? picturePatchEmbed : patchEmbed).Forward(
            TokenGrid.Clip(pixels, 1), pixels.DType == DType.U8 ? config.PixelTransform : null, visible);
        x += (picture ? pictureModality : clipModality).Value;
        TokenPosition[] positions = grid.Positions(visible);
        for (int i = 0; i < positions.Length; i++)
            positions[i] = new(positions[i].Time, Stretch(positions[i].Row, grid.Rows), Stretch(positions[i].Column, grid.Columns));
        RotaryTable rotary = RotaryTable.Of(x.Scope, positions, visible is null ? 1 : x.Shape[0], config.Encoder.HeadWidth, interleaved: true);
        List<Tensor> outputs = [];
        blocks.Advance(x, rotary, observe: (i, y) =>
        {
            int level = Array.IndexOf(config.Levels, i);
            if (level >= 0 && (levels || level == norms.Length - 1))
                outputs.Add(norms[level].Forward(y));
            observe?.Invoke(i, y);
        });
        return levels ? TensorOps.Concat(2, [.. outputs]) : outputs[0];
    }

    private static double Stretch(double position, int length) => length == 1 ? 0 : position * (PretrainedGrid - 1) / (length - 1);
}

/// <summary>V-JEPA 2.1 (arXiv 2603.14482): Meta's files.</summary>
internal sealed class VJepa21Family : MetaFamily
{
    public VJepa21Family() : base("V-JEPA 2.1", "vjepa2.1")
    {
        // As it is trained: the original's predictions to 1e-6, where a context gathered from the whole clip is off by
        // a tenth.
        (Context, HasMaskTokens, ReleasedSize) = (ContextView.Visible, true, 384);
    }

    public override IReadOnlyList<(string Name, IModelConfig Config)> Released =>
    [
        ("V-JEPA 2.1 ViT-B/16 384", VJepa21.Base384),
        ("V-JEPA 2.1 ViT-L/16 384", VJepa21.Large384),
        ("V-JEPA 2.1 ViT-g/16 384", VJepa21.Giant384),
        ("V-JEPA 2.1 ViT-G/16 384", VJepa21.Gigantic384),
    ];

    public override JepaModel Create(IModelConfig config) => new VJepa21((JepaConfig)config);

    public override void Validate(IModelConfig config)
    {
        (int[] levels, int depth) = (((JepaConfig)config).Levels, config.Encoder.Depth);
        JepaConfig.Require(levels.Length > 0 && levels.SequenceEqual(levels.Distinct().Order()) && levels[0] >= 0 && levels[^1] == depth - 1,
            $"levels {string.Join(", ", levels)} do not rise to the last of {depth} blocks");
    }

    /// <summary>Whether a file's encoder has norms of levels.</summary>
    internal static bool Has(OriginalFile file) => file.EncoderHas("norms_block.0.weight");

    private protected override bool IsOriginal(OriginalFile file) => file.Clips && Has(file);

    private protected override JepaConfig Complete(JepaConfig config, OriginalFile file) => config with
    {
        Levels = file.Options.Levels ?? Levels(config.Encoder.Depth), PredictsFromLevels = file.PredictsFromLevels,
    };

    /// <summary>Four levels, evenly spaced; ViT-G's third is two blocks later.</summary>
    private static int[] Levels(int depth) => depth == VitSize.Gigantic.Depth
        ? VJepa21.Gigantic384.Levels
        : [.. Enumerable.Range(1, 4).Select(i => depth * i / 4 - 1).Distinct().Where(i => i >= 0)];
}
