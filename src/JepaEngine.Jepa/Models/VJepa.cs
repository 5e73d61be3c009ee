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
    private readonly ClipEncoder encoder;

    /// <summary>The family.</summary>
    public static JepaFamily Family { get; } = new VJepaFamily();

    /// <summary>A model without memory.</summary>
    /// <exception cref="ArgumentException">No V-JEPA has these sizes.</exception>
    public VJepa(JepaConfig config) : base(Family, config)
    {
        encoder = Child("encoder", new ClipEncoder(config, Table));
        Predictor = config.Predictor is null ? null : Child("predictor", new MaskedPredictor(config, Table));

        float[] Table(int width) => SinCosPositions.OfClip(config.Frames / config.Tubelet, config.Grid, width);
    }

    /// <summary>ViT-L/16 at 224 pixels.</summary>
    public static JepaConfig Large224 => Sized(VitSize.Large, 224);

    /// <summary>ViT-H/16 at 224 pixels.</summary>
    public static JepaConfig Huge224 => Sized(VitSize.Huge, 224);

    /// <summary>ViT-H/16 at 384 pixels.</summary>
    public static JepaConfig Huge384 => Sized(VitSize.Huge, 384);

    /// <summary>Predicts masked tubelets; null where the file has the encoder alone.</summary>
    public MaskedPredictor? Predictor { get; }

    /// <inheritdoc/>
    public override Tensor Encode(Tensor pixels, Tensor? visible = null, Action<int, Tensor>? observe = null) =>
        encoder.Forward(pixels, visible, observe);

    /// <summary>As the original: the predictor reads what the encoder makes of the visible tubelets alone.</summary>
    protected override IReadOnlyList<(string Name, Tensor Tensor)> RunNamed(NamedInputs given, RunOptions options)
    {
        Tensor pixels = given.Needed(Video), tokens = Encode(pixels);
        List<(string, Tensor)> outputs = Outputs(tokens);
        if (Masks(given, tokens.Shape[1]) is not var (context, target))
            return outputs;
        Tensor seen = Context(pixels, tokens, context, options);
        outputs.Add(("context_hidden_state", seen));
        outputs.Add(("predictor_last_hidden_state", Needed(Predictor).Forward(seen, context, target, MaskToken(options), tokens.Shape[1])));
        return outputs;
    }

    private static JepaConfig Sized(VitSize encoder, int imageSize) => new()
    {
        Family = Family, Encoder = encoder, Predictor = new VitSize(384, 12, encoder.Heads, 1536),
        ImageSize = imageSize, Frames = 16, MaskTokens = 2, TargetWidth = encoder.Width,
    };
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
