namespace JepaEngine.Jepa.Models;

/// <summary>What Meta's families share: the layouts of the research code and of transformers, and what shapes do not
/// tell.</summary>
/// <param name="name">As its papers write it.</param>
/// <param name="id">As the command line writes it.</param>
/// <param name="sight">What it sees at a time.</param>
public abstract class MetaFamily(string name, string id, Sight sight = Sight.Clips) : JepaFamily(name, id, sight)
{
    /// <summary>Whether the model reads a table of positions; rotary models carry an idle one in their files.</summary>
    private bool HasTable => Sight is Sight.WholeClips or Sight.Picture;

    /// <summary>Frames of the released models.</summary>
    private protected int ReleasedFrames { get; init; } = 64;

    /// <summary>Edge of the released models where a file does not tell it.</summary>
    private protected int ReleasedSize { get; init; } = 256;

    /// <inheritdoc/>
    public override string? ReleasedName(IModelConfig config) =>
        Released.FirstOrDefault(released => Fits((JepaConfig)config, (JepaConfig)released.Config)).Name;

    /// <inheritdoc/>
    public override bool Recognises(TensorFile file, LoadOptions options)
    {
        if (JepaFormat.Family(file) is { } id)
            return id == Id;
        var original = new OriginalFile(file, options);
        return original.Found
            ? options.Family is null ? IsOriginal(original) : options.Family == this
            : HuggingFaceType is not null && HuggingFaceConfig.Of(file)?.Type == HuggingFaceType;
    }

    /// <inheritdoc/>
    public override ModelContents Read(TensorFile file, LoadOptions options)
    {
        if (JepaFormat.Family(file) is not null)
            return base.Read(file, options);
        var original = new OriginalFile(file, options);
        if (!original.Found)
        {
            ModelContents contents = Read(HuggingFaceConfig.Of(file)!, file);
            RequireNone(options, (JepaConfig)contents.Config, file);
            return contents;
        }
        JepaConfig config = Read(original);
        return new ModelContents(ModelLayout.Original, config, original.Keys(config))
        {
            IsPart = key => original.IsPart(key, config),
            // 2-AC has an encoder of camera poses, which was never trained.
            IsIdle = key => key.Contains("extrinsics_encoder.", StringComparison.Ordinal)
                || (!HasTable && key.EndsWith("pos_embed", StringComparison.Ordinal)),
            Encoder = original.Encoder,
            Encoders = original.Offered,
        };
    }

    /// <inheritdoc/>
    public override KeyMap Keys(IModelConfig config, ModelLayout layout) => layout == ModelLayout.Original
        ? MetaKeys.Original((JepaConfig)config, "encoder.", "predictor.")
        : base.Keys(config, layout);

    /// <inheritdoc/>
    public override (long AToken, long APlace) Activations(IModelConfig config)
    {
        long levels = ((JepaConfig)config).Levels.Length == 0 ? 0 : config.Encoder.Width;
        return (base.Activations(config).AToken + levels, HasTable ? 0 : 2L * config.Encoder.HeadWidth);
    }

    /// <inheritdoc/>
    public override IEnumerable<ModelFact> Facts(IModelConfig config) =>
        [Blocks("encoder", config.Encoder), Blocks("predictor", ((JepaConfig)config).Predictor), Input(config)];

    /// <inheritdoc/>
    public override void Validate(IModelConfig config) =>
        JepaConfig.Require(((JepaConfig)config).Levels.Length == 0, $"{Name} has no levels; V-JEPA 2.1 has");

    /// <summary>Whether a file of the research code is this family's: what tells it apart.</summary>
    private protected abstract bool IsOriginal(OriginalFile file);

    /// <summary>What a folder of transformers holds.</summary>
    /// <exception cref="BadFileException">Its configuration is damaged, or describes what cannot be.</exception>
    internal virtual ModelContents Read(HuggingFaceConfig json, TensorFile weights) =>
        throw new NotSupportedException($"transformers has no {Name}");

    /// <summary>What the family adds to the sizes that all have.</summary>
    private protected virtual JepaConfig Complete(JepaConfig config, OriginalFile file) => config;

    /// <summary>The encoder's heads in a model of this width; null where none is released.</summary>
    private protected virtual int? Heads(int width) => width switch
    {
        192 => 3,
        384 => 6,
        768 => 12,
        1024 or 1280 => 16,
        1408 => VitSize.GiantXformers.Heads,
        1664 => VitSize.Gigantic.Heads,
        _ => null,
    };

    /// <summary>The predictor's heads, likewise.</summary>
    private protected virtual int? PredictorHeads(JepaConfig config, int width) => width == 384 ? 12 : null;

    private JepaConfig Read(OriginalFile file)
    {
        Shape patch = file.Patch;
        int tubelet = file.Clips ? patch[2] : 1;
        VitSize encoder = file.Blocks("blocks.", patch[0], file.Options.Heads ?? Heads(patch[0]));
        (int imageSize, int frames) = Extent(file, patch[^1], tubelet);
        JepaConfig config = Complete(new JepaConfig
        {
            Family = this, Encoder = encoder, ImageSize = imageSize, Patch = patch[^1], Frames = frames,
            Tubelet = tubelet, TargetWidth = encoder.Width,
        }, file);
        if (!file.Predicts)
            return config;
        int width = file.PredictorShape("predictor_norm.weight")[0];
        return config with
        {
            Predictor = file.PredictorBlocks("predictor_blocks.", width, file.Options.PredictorHeads ?? PredictorHeads(config, width)),
            MaskTokens = Math.Max(1, file.MaskTokens), TargetWidth = file.PredictorShape("predictor_proj.weight")[0],
        };
    }

    /// <summary>Image size and frames: from the table of positions where a model reads it. A rotary model's is idle and
    /// may be of any size; it is believed only where it tells one released size from the other.</summary>
    private (int ImageSize, int Frames) Extent(OriginalFile file, int patch, int tubelet)
    {
        int times = Math.Max(1, ReleasedFrames / tubelet), tokens = file.Positions;
        int side = file.Options.ImageSize is { } given ? given / patch : (int)Math.Round(Math.Sqrt(tokens / (double)times));
        if (!HasTable)
        {
            bool told = tokens == times * side * side && side * patch is 256 or 384;
            return (file.Options.ImageSize ?? (told ? side * patch : ReleasedSize), ReleasedFrames);
        }
        if (side == 0 || tokens % ((long)side * side) != 0 || (file.Options.ImageSize is null && tokens != times * side * side))
        {
            throw new BadFileException(file.Path,
                $"{tokens} positions are no square grid{(times > 1 ? $" of {times} tubelets" : "")}; "
                + "say how large the pictures are (--image-size)");
        }
        return (side * patch, Math.Max(1, tokens / (side * side) * tubelet));
    }

    /// <summary>With or without its predictor, for clips of any length.</summary>
    private static bool Fits(JepaConfig config, JepaConfig known) =>
        config.Encoder == known.Encoder && config.ImageSize == known.ImageSize
        && config.Patch == known.Patch && config.Tubelet == known.Tubelet && config.Levels.SequenceEqual(known.Levels)
        && (config.Predictor is null || config.Predictor == known.Predictor);
}
