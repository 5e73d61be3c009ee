namespace JepaEngine.Jepa.Models;

/// <summary>What a run of named tensors may choose; what is null is as the family's reference has it.</summary>
/// <param name="Context">What the encoder sees when masked tokens are predicted.</param>
/// <param name="MaskToken">Which learned mask token stands for the targets; the references take 1.</param>
public sealed record RunOptions(ContextView? Context = null, int? MaskToken = null);

/// <summary>A model of a JEPA family: an encoder and, where its file has one, a predictor and a probe.
/// <c>ModelFile.Load</c> reads a checkpoint. In evaluation many threads may share a model, each in a scope of its
/// own.</summary>
public abstract class JepaModel : Module
{
    /// <summary>Epsilon of the affine-free LayerNorm that turns an encoder's outputs into targets (PyTorch's default; facebookresearch/jepa).</summary>
    public const double TargetEpsilon = 1e-5;

    /// <summary>What transformers calls a clip, a picture, the ids of what a predictor reads, and of what it
    /// predicts.</summary>
    public const string Video = "pixel_values_videos", Picture = "pixel_values", ContextMask = "context_mask", TargetMask = "target_mask";

    /// <summary>A model without memory.</summary>
    /// <exception cref="ArgumentException">No model has these sizes.</exception>
    protected JepaModel(IModelConfig config)
    {
        config.Validate();
        Probe = config.Probe is null ? null : Child("probe", new AttentiveProbe(config.Probe));
    }

    /// <summary>The sizes.</summary>
    public abstract IModelConfig Config { get; }

    /// <summary>The classifier on top, if the file has one.</summary>
    public AttentiveProbe? Probe { get; }

    /// <summary>What loading found: file, layout, which encoder; null for a model that was not loaded.</summary>
    public ModelOrigin? Origin { get; internal set; }

    /// <summary>
    /// Tokens [B, N, D] of pictures [B, C, H, W] or clips [B, T, C, H, W], U8 (normalised here) or normalised floats. With
    /// <paramref name="visible"/> [B, K] (I64 ids) only these patches are embedded and seen: [B, K, D], at a cost in proportion to K.
    /// </summary>
    /// <param name="pixels">Pictures or clips.</param>
    /// <param name="visible">The tokens to embed and see; null sees all.</param>
    /// <param name="observe">Called with the number of each block, from 0, and its output, which the next block overwrites.</param>
    /// <exception cref="ArgumentException">The pixels have another rank, or do not divide into patches.</exception>
    public abstract Tensor Encode(Tensor pixels, Tensor? visible = null, Action<int, Tensor>? observe = null);

    /// <summary>Features [B, N, D] of frames [B, T, C, H, W] that were read for this model: whatever it sees at a time,
    /// token (t, row, column) is row (t · rows + row) · columns + column.</summary>
    /// <exception cref="ArgumentException">The model takes another number or another size of frames.</exception>
    public virtual Tensor Tokens(Tensor frames, Action<int, Tensor>? observe = null)
    {
        if (Config.Family.Sight is Sight.Clips or Sight.WholeClips)
            return Encode(frames, observe: observe);
        (int batch, int times) = (frames.Shape[0], frames.Shape[1]);
        Tensor tokens = Encode(frames.Reshape(batch * times, frames.Shape[2], frames.Shape[3], frames.Shape[4]), observe: observe);
        return tokens.Reshape(batch, times * tokens.Shape[1], tokens.Shape[2]);
    }

    /// <summary>What <see cref="Run"/> takes: names and shapes, those that may be left out in brackets.</summary>
    public virtual string Takes => $"{Picture} [B, C, H, W]";

    /// <summary>The names of the inputs; one that ends with _ stands for any number behind it.</summary>
    protected virtual string[] InputNames => [Picture];

    /// <summary>Refuses names of inputs that <see cref="Run"/> does not take, before anybody reads them.</summary>
    /// <exception cref="ArgumentException">One is unknown; the message says what the model takes.</exception>
    public void CheckInputs(IEnumerable<string> names) => NamedInputs.Check(names, Takes, InputNames);

    /// <summary>Runs the model from named tensors to named tensors, for scripts and parity (<c>jepa run</c>). The names
    /// are those of the references: transformers' VJEPA2Model and IJepaModel, vjepa2's vit_ac_predictor, the published
    /// LeWM. Inputs are normalised floats, masks I64 ids.</summary>
    /// <returns>The outputs, in the scope of the inputs.</returns>
    /// <exception cref="ArgumentException">An input is missing, unknown or of another shape; the message says what the
    /// model takes.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An input is empty, or an id of a mask is none of the
    /// tokens.</exception>
    /// <exception cref="NumericException">An output is not finite.</exception>
    public IReadOnlyList<(string Name, Tensor Tensor)> Run(IReadOnlyDictionary<string, Tensor> inputs, RunOptions? options = null)
    {
        options ??= new RunOptions();
        JepaFamily family = Config.Family;
        if (options.Context is not null && family.Context is null)
            throw new ArgumentException($"{family.Name} predicts no masked tokens; leave --context out");
        if (options.MaskToken is not null && !family.HasMaskTokens)
            throw new ArgumentException($"{family.Name} has no mask tokens to choose from; leave --mask-token out");
        var outputs = RunNamed(new NamedInputs(inputs, Takes, InputNames), options with { Context = options.Context ?? family.Context });
        foreach ((string name, Tensor output) in outputs)
        {
            Tensor? pixels = family.PixelInputs.Select(inputs.GetValueOrDefault).FirstOrDefault(x => x is not null);
            FiniteOutputs.Require(this, name, output, pixels, inputs);
        }
        return outputs;
    }

    /// <summary>As the public one; the options are those the family has.</summary>
    protected virtual IReadOnlyList<(string Name, Tensor Tensor)> RunNamed(NamedInputs given, RunOptions options) =>
        [("last_hidden_state", Encode(given.Needed(Picture)))];

    /// <summary>What a fingerprint of the weights looks at: the features [1, K, D] of four tokens, spread over one
    /// input that is always the same.</summary>
    protected internal virtual Tensor Features(TensorScope scope)
    {
        int tokens = Config.Grid * Config.Grid;
        long[] visible = [0, tokens / 3, tokens / 2, tokens - 1];
        return Encode(FixedPixels(scope), scope.FromRaw<long>(visible, [1, visible.Length]));
    }

    /// <summary>A picture, or the shortest clip the model sees, that is always the same.</summary>
    protected Tensor FixedPixels(TensorScope scope)
    {
        (int side, Sight sight) = (Config.ImageSize, Config.Family.Sight);
        int frames = sight == Sight.WholeClips ? Config.Frames : Config.Tubelet;
        byte[] pixels = new byte[frames * 3 * side * side];
        for (int i = 0; i < pixels.Length; i++)
            pixels[i] = (byte)(i * 2654435761L >> 16);
        return scope.FromRaw<byte>(pixels, sight == Sight.Picture ? [1, 3, side, side] : [1, frames, 3, side, side]);
    }

    /// <summary>Targets of a prediction: each token of x [.., D] with mean 0 and variance 1.</summary>
    public static Tensor NormalizeTargets(Tensor x) => x.LayerNorm(null, null, TargetEpsilon);

    /// <summary>A model of the configuration's family, without memory.</summary>
    /// <exception cref="ArgumentException">No model has these sizes.</exception>
    public static JepaModel Create(IModelConfig config) => config.Family.Create(config);
}
