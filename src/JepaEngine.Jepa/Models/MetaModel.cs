namespace JepaEngine.Jepa.Models;

/// <summary>What Meta's models share: their configuration, and masked prediction by named tensors.</summary>
public abstract class MetaModel : JepaModel
{
    private protected MetaModel(JepaFamily family, JepaConfig config) : base(config)
    {
        if (config.Family != family)
            throw new ArgumentException($"model: the configuration is of {config.Family}, not of {family}");
        Config = config;
    }

    /// <inheritdoc/>
    public override JepaConfig Config { get; }

    /// <inheritdoc/>
    public override string Takes => $"{Video} [B, T, C, H, W], ({ContextMask} and {TargetMask} [B, K])";

    /// <inheritdoc/>
    protected override string[] InputNames => [Video, ContextMask, TargetMask];

    /// <summary>The context's tokens [B, K, D], in either view; <paramref name="whole"/> are all tokens.</summary>
    private protected Tensor Context(Tensor pixels, Tensor whole, Tensor ids, RunOptions options) =>
        options.Context == ContextView.Whole ? whole.Gather(ids) : Encode(pixels, ids);

    /// <summary>Which mask token a run asks for.</summary>
    private protected int MaskToken(RunOptions options)
    {
        if (options.MaskToken is { } asked && (asked < 0 || asked >= Config.MaskTokens))
            throw new ArgumentException($"mask token {asked} is asked for, but the model has 0 to {Config.MaskTokens - 1}");
        return options.MaskToken ?? 1;
    }

    /// <summary>The tokens and, where there is a classifier, its logits.</summary>
    private protected List<(string Name, Tensor Tensor)> Outputs(Tensor tokens)
    {
        List<(string, Tensor)> outputs = [("last_hidden_state", tokens)];
        if (Probe is { } probe)
            outputs.AddRange(probe.Forward(tokens).Select((logits, head) => (Config.Probe!.HeadName(head), logits)));
        return outputs;
    }

    private protected T Needed<T>(T? predictor) where T : class => predictor
        ?? throw new ArgumentException($"masks ask for predictions, but {Origin?.Path ?? "the model"} has no predictor");

    /// <summary>The masks, or null where there is none of both.</summary>
    /// <param name="given">The inputs.</param>
    /// <param name="tokens">How many tokens a clip has.</param>
    private protected static (Tensor Context, Tensor Target)? Masks(NamedInputs given, int tokens) =>
        given.Any(ContextMask) || given.Any(TargetMask)
            ? (Ids(given.Needed(ContextMask), ContextMask, tokens), Ids(given.Needed(TargetMask), TargetMask, tokens))
            : null;

    /// <summary>A mask, looked at under its own name before an operation does.</summary>
    private protected static Tensor Ids(Tensor mask, string name, int tokens)
    {
        TokenIds.Read(mask, tokens, name);
        return mask;
    }
}
