using JepaEngine.Backends;
using JepaEngine.Nn;
using JepaEngine.Ops;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Jepa.Models;

/// <summary>What a training forward pass gives.</summary>
/// <param name="Embeddings">[B, T, D].</param>
/// <param name="Predictions">[B, T − 1, D]: entry t predicts embedding t + 1.</param>
public readonly record struct LeWorldModelOutput(Tensor Embeddings, Tensor Predictions);

/// <summary>
/// LeWorldModel (arXiv 2603.19312): an encoder from pixels and a predictor in its embedding space, trained together from scratch by predicting the next
/// embedding, with SIGReg instead of a teacher. One class for all sizes; see <see cref="LeWorldModelConfig"/>.
/// </summary>
public sealed class LeWorldModel : Module
{
    private readonly VisionTransformer encoder;
    private readonly Projector projector, predictionProjector;
    private readonly ActionEncoder actionEncoder;

    /// <summary>A model without memory; call <see cref="Module.Allocate"/>.</summary>
    /// <exception cref="ArgumentException">No model has these sizes.</exception>
    public LeWorldModel(LeWorldModelConfig config)
    {
        config.Validate();
        Config = config;
        encoder = Child("encoder", new VisionTransformer(config));
        projector = Child("projector", new Projector(config.EncoderWidth, config.ProjectorHidden, config.EmbeddingWidth));
        actionEncoder = Child("action_encoder", new ActionEncoder(config));
        Predictor = Child("predictor", new LeWorldModelPredictor(config));
        predictionProjector = Child("prediction_projector", new Projector(config.EmbeddingWidth, config.ProjectorHidden, config.EmbeddingWidth));
    }

    /// <summary>The sizes.</summary>
    public LeWorldModelConfig Config { get; }

    /// <summary>The predictor, without its projector.</summary>
    public LeWorldModelPredictor Predictor { get; }

    /// <summary>Pictures [B, 3, H, W] to embeddings [B, D]. U8 pixels are normalised; floats are taken as they are.</summary>
    public Tensor Encode(Tensor pixels) => projector.Forward(encoder.Forward(pixels));

    /// <summary>Pictures [B, 3, H, W] to the encoder's patch tokens [B, N, width], row-major.</summary>
    public Tensor PatchTokens(Tensor pixels)
    {
        Tensor tokens = encoder.Tokens(pixels);
        return tokens.Slice(1, 1, tokens.Shape[1] - 1);
    }

    /// <summary>Raw action blocks [.., A] to encoded actions [.., D].</summary>
    public Tensor EncodeActions(Tensor actions) => actionEncoder.Forward(actions);

    /// <summary>Predictor outputs [.., D] to predicted embeddings [.., D].</summary>
    public Tensor ProjectPredictions(Tensor outputs) => predictionProjector.Forward(outputs);

    /// <summary>
    /// Embeds clips pixels [B, T, 3, H, W] and predicts each next frame from actions [B, T − 1 or more, A] (block t leaves frame t). The first T − 1
    /// embeddings are cut into windows of the predictor's history, or are one shorter window.
    /// </summary>
    /// <param name="pixels">The clips.</param>
    /// <param name="actions">The action blocks.</param>
    /// <param name="key">Decides dropout in training.</param>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    public LeWorldModelOutput Forward(Tensor pixels, Tensor actions, PhiloxKey key = default)
    {
        if (pixels.Shape.Rank != 5 || actions.Shape.Rank != 3 || pixels.Shape[0] != actions.Shape[0] || actions.Shape[1] < pixels.Shape[1] - 1)
            throw new ArgumentException($"LeWorldModel: pixels {pixels.Shape} and actions {actions.Shape} are not [B, T, 3, H, W] and [B, T, A]");
        int batch = pixels.Shape[0], frames = pixels.Shape[1], width = Config.EmbeddingWidth, context = frames - 1;
        Tensor embeddings = Encode(pixels.Reshape(batch * frames, pixels.Shape[2], pixels.Shape[3], pixels.Shape[4])).Reshape(batch, frames, width);
        Tensor encoded = EncodeActions(actions.Slice(1, 0, context));
        Tensor seen = embeddings.Slice(1, 0, context);
        int history = Math.Min(Config.History, context);
        if (context % history != 0)
            throw new ArgumentException($"LeWorldModel: {frames} frames give {context} contexts, which do not divide into windows of {history}");
        Tensor outputs = Predictor.Forward(seen.Reshape(-1, history, width), encoded.Reshape(-1, history, width), key);
        return new LeWorldModelOutput(embeddings, ProjectPredictions(outputs.Reshape(batch, context, width)));
    }
}

/// <summary>Linear, BatchNorm, exact GELU, Linear.</summary>
public sealed class Projector : Module
{
    private readonly Linear first, second;
    private readonly BatchNorm norm;

    /// <summary>width → hidden → outputs.</summary>
    public Projector(int width, int hidden, int outputs)
    {
        first = Child("first", new Linear(width, hidden));
        norm = Child("norm", new BatchNorm(hidden));
        second = Child("second", new Linear(hidden, outputs));
    }

    /// <summary>x [.., width] to [.., outputs].</summary>
    public Tensor Forward(Tensor x) => second.Forward(norm.Forward(first.Forward(x)).Gelu());
}

/// <summary>Linear (the published Conv1d with kernel 1), Linear with SiLU, Linear.</summary>
public sealed class ActionEncoder : Module
{
    private readonly Linear smooth, hidden, output;

    /// <summary>Raw action blocks to the embedding width.</summary>
    public ActionEncoder(LeWorldModelConfig config)
    {
        smooth = Child("smooth", new Linear(config.ActionWidth, config.ActionSmoothed));
        hidden = Child("hidden", new Linear(config.ActionSmoothed, config.ActionHidden));
        output = Child("output", new Linear(config.ActionHidden, config.EmbeddingWidth));
    }

    /// <summary>actions [.., A] to [.., D].</summary>
    public Tensor Forward(Tensor actions) => output.Forward(hidden.Forward(smooth.Forward(actions), Activation.Silu));
}
