namespace JepaEngine.Jepa.Models;

/// <summary>What V-JEPA 2.1's predictor makes of a context.</summary>
/// <param name="Targets">[B, Kt, W]: the targets' features.</param>
/// <param name="Context">[B, Kc, W]: the context's own, which V-JEPA 2.1 is trained to predict too.</param>
public readonly record struct VJepa21Prediction(Tensor Targets, Tensor Context);

/// <summary>From the tokens of a context and the places of targets to the targets' features. I-JEPA and V-JEPA add
/// positions; V-JEPA 2 and 2.1 turn by them (2.1 by true rotations, not stretched, as in the published hub), 2.1 with
/// modality embeddings and predictions of the context. The references of the rotary ones sort context and targets by
/// position first; without a mask in the attention the order of tokens changes nothing, so they stay as they
/// come.</summary>
public sealed class MaskedPredictor : Module
{
    private readonly JepaConfig config;
    private readonly Linear? embedLevels, contextProjection;
    private readonly Linear embed, projection;
    private readonly Parameter[] maskTokens;
    private readonly Parameter? positions, clipModality, pictureModality;
    private readonly TransformerBlocks blocks;
    private readonly LayerNorm norm;

    /// <param name="config">The model's sizes.</param>
    /// <param name="table">The positions [N, width] that are added, of a width; null for rotary ones.</param>
    /// <param name="single">Whether one mask token has no number and starts as weights do: I-JEPA's.</param>
    internal MaskedPredictor(JepaConfig config, Func<int, float[]>? table = null, bool single = false)
    {
        this.config = config;
        (int width, int inner) = (config.Encoder.Width, config.Predictor!.Width);
        var zero = new Init.Constant(0);
        maskTokens = single ? [Trained("mask_token", [1, 1, inner], TransformerBlock.Start)]
            : [.. Enumerable.Range(0, config.MaskTokens).Select(i => Trained($"mask_tokens.{i}", [1, 1, inner], zero))];
        if (table is not null)
            positions = Buffer("positions", [1, config.Tokens, inner], new Init.Values(() => table(inner)));
        if (config is { PredictsFromLevels: true, Levels.Length: > 0 })
            embedLevels = Child("embed_levels", TransformerBlock.Layer(config.Levels.Length * width, width));
        embed = Child("embed", TransformerBlock.Layer(width, inner));
        blocks = Child("blocks", new TransformerBlocks(config.Predictor, config.Epsilon));
        norm = Child("norm", new LayerNorm(inner, config.Epsilon));
        projection = Child("projection", TransformerBlock.Layer(inner, config.TargetWidth));
        if (config.Levels.Length == 0)
            return;
        clipModality = Trained("clip_modality", [1, 1, inner], new Init.Normal(1e-6));
        pictureModality = Trained("picture_modality", [1, 1, inner], new Init.Normal(1e-6));
        contextProjection = Child("context_projection", TransformerBlock.Layer(inner, config.TargetWidth));
    }

    /// <summary>
    /// Context tokens [B, Kc, D] at ids [B, Kc] and target ids [B, Kt] to predictions [B, Kt, D]. Several targets of
    /// one context are one call each, joined along the batch (mask-major, as I-JEPA's reference has them). Rotary ids
    /// count in the square grid of the configured image size, as in the reference.
    /// </summary>
    /// <param name="context">The encoder's output for the context.</param>
    /// <param name="contextIds">Where it is.</param>
    /// <param name="targetIds">What to predict.</param>
    /// <param name="maskIndex">
    /// Which mask token stands for the targets; the references' default is 1. V-JEPA: 0 for short-range masks, 1 for
    /// long-range ones.
    /// </param>
    /// <param name="tokens">How many tokens the clip has; null for those of the configured one.</param>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An id is none of the clip's tokens.</exception>
    public Tensor Forward(Tensor context, Tensor contextIds, Tensor targetIds, int maskIndex = 1, int? tokens = null)
    {
        Tensor x = Run(context, contextIds, targetIds, isPicture: false, maskIndex, tokens ?? config.Tokens);
        return projection.Forward(norm.Forward(x.Slice(1, contextIds.Shape[1], targetIds.Shape[1])));
    }

    /// <summary>
    /// V-JEPA 2.1: as <see cref="Forward"/>, to predictions of targets and context. A predictor that reads levels takes
    /// all of them side by side (<see cref="VJepa21.EncodeLevels"/>).
    /// </summary>
    /// <param name="context">The encoder's output for the context.</param>
    /// <param name="contextIds">Where it is.</param>
    /// <param name="targetIds">What to predict.</param>
    /// <param name="isPicture">Whether the tokens are a picture's, not a clip's.</param>
    /// <param name="maskIndex">Which mask token stands for the targets; the reference's default is 1.</param>
    /// <param name="tokens">How many tokens the clip or picture has; null for those of the configured clip.</param>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An id is none of the clip's tokens.</exception>
    public VJepa21Prediction ForwardBoth(Tensor context, Tensor contextIds, Tensor targetIds, bool isPicture = false,
        int maskIndex = 1, int? tokens = null)
    {
        int seen = contextIds.Shape[1];
        Tensor y = norm.Forward(Run(context, contextIds, targetIds, isPicture, maskIndex, tokens ?? config.Tokens));
        Tensor targets = projection.Forward(y.Slice(1, seen, targetIds.Shape[1]));
        return new(targets, contextProjection!.Forward(y.Slice(1, 0, seen)));
    }

    private Tensor Run(Tensor context, Tensor contextIds, Tensor targetIds, bool isPicture, int maskIndex, int tokens)
    {
        JepaConfig.Require(context.Shape.Rank == 3 && contextIds.Shape == [context.Shape[0], context.Shape[1]],
            $"context {context.Shape} and its ids {contextIds.Shape} are not [B, K, D] and [B, K]");
        TokenPosition[] places = new TokenGrid(1, config.Grid, config.Grid).Positions(contextIds, targetIds, tokens);
        TensorScope scope = context.Scope;
        int batch = context.Shape[0];
        Tensor mask = maskTokens[maskIndex % maskTokens.Length].Value;
        if (positions is not null)
        {
            Tensor table = scope.Use(positions.Value).Select(0, 0);
            Tensor placed = embed.Forward(context) + table.Embedding(contextIds);
            return blocks.Advance(TensorOps.Concat(1, placed, table.Embedding(targetIds) + mask));
        }
        if (embedLevels is not null)
            context = embedLevels.Forward(context, Backends.Activation.Gelu);
        Tensor target = scope.Use(mask).Broadcast([batch, targetIds.Shape[1], config.Predictor!.Width]);
        Tensor x = TensorOps.Concat(1, embed.Forward(context), target);
        if (clipModality is not null)
            x += (isPicture ? pictureModality! : clipModality).Value;
        bool interleaved = clipModality is not null;
        return blocks.Advance(x, RotaryTable.Of(scope, places, batch, config.Predictor.HeadWidth, interleaved));
    }
}
