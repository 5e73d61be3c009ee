using JepaEngine.Jepa.Checkpoints;
using JepaEngine.Nn;
using JepaEngine.Ops;
using JepaEngine.Tensors;

namespace JepaEngine.Jepa.Models;

/// <summary>
/// A model of one of Meta's JEPA families: an encoder and, where its file has one, a predictor and a probe. <c>Load</c> of each family reads a checkpoint;
/// <see cref="ModelFile"/> reads one whose family is not known. In evaluation many threads may share a model, each in a scope of its own.
/// </summary>
public abstract class JepaModel : Module
{
    /// <summary>Epsilon of the affine-free LayerNorm that turns an encoder's outputs into targets (PyTorch's default; facebookresearch/jepa).</summary>
    public const double TargetEpsilon = 1e-5;

    /// <summary>A model without memory.</summary>
    /// <exception cref="ArgumentException">No model has these sizes.</exception>
    protected JepaModel(JepaConfig config)
    {
        config.Validate();
        Config = config;
        Probe = config.Probe is null ? null : Child("probe", new AttentiveProbe(config.Probe));
    }

    /// <summary>The sizes.</summary>
    public JepaConfig Config { get; }

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

    /// <summary>Targets of a prediction: each token of x [.., D] with mean 0 and variance 1.</summary>
    public static Tensor NormalizeTargets(Tensor x) => x.LayerNorm(null, null, TargetEpsilon);

    /// <summary>A model of the configuration's family, without memory.</summary>
    /// <exception cref="ArgumentException">No model has these sizes.</exception>
    public static JepaModel Create(JepaConfig config) => config.Family switch
    {
        JepaFamily.IJepa => new IJepa(config),
        JepaFamily.VJepa => new VJepa(config),
        JepaFamily.VJepa2 => new VJepa2(config),
        JepaFamily.VJepa21 => new VJepa21(config),
        JepaFamily.VJepa2Ac => new VJepa2Ac(config),
        _ => throw new ArgumentException($"model: there is no family {config.Family}"),
    };

    /// <summary>The configuration if it is of this family.</summary>
    private protected static JepaConfig Of(JepaFamily family, JepaConfig config) => config.Family == family
        ? config
        : throw new ArgumentException($"model: the configuration is of {config.Family}, not of {family}");
}
