using JepaEngine.Backends;

namespace JepaEngine.Jepa.Models;

/// <summary>What a training forward pass gives.</summary>
/// <param name="Embeddings">[B, T, D].</param>
/// <param name="Predictions">[B, T − 1, D]: entry t predicts embedding t + 1.</param>
public readonly record struct LeWorldModelOutput(Tensor Embeddings, Tensor Predictions);

/// <summary>LeWorldModel (arXiv 2603.19312): an encoder from pixels and a predictor in its embedding space, trained
/// together from scratch by predicting the next embedding, with SIGReg instead of a teacher. One class for all sizes;
/// see <see cref="LeWorldModelConfig"/>.</summary>
public sealed class LeWorldModel : JepaModel
{
    private readonly VisionTransformer encoder;
    private readonly Projector projector, predictionProjector;
    private readonly ActionEncoder actionEncoder;

    /// <summary>The family.</summary>
    public static JepaFamily Family { get; } = new LeWorldModelFamily();

    /// <summary>A model without memory; call <see cref="Module.Allocate"/>.</summary>
    /// <exception cref="ArgumentException">No model has these sizes.</exception>
    public LeWorldModel(LeWorldModelConfig config) : base(config)
    {
        Config = config;
        encoder = Child("encoder", new VisionTransformer(config));
        projector = Child("projector", new Projector(config.EncoderWidth, config.ProjectorHidden, config.EmbeddingWidth));
        actionEncoder = Child("action_encoder", new ActionEncoder(config));
        Predictor = Child("predictor", new LeWorldModelPredictor(config));
        predictionProjector = Child("prediction_projector", new Projector(config.EmbeddingWidth, config.ProjectorHidden, config.EmbeddingWidth));
    }

    /// <inheritdoc/>
    public override LeWorldModelConfig Config { get; }

    /// <summary>The predictor, without its projector.</summary>
    public LeWorldModelPredictor Predictor { get; }

    /// <summary>Pictures [B, 3, H, W] to embeddings [B, D]. U8 pixels are normalised; floats are taken as they are.</summary>
    public Tensor Embed(Tensor pixels) => projector.Forward(encoder.Forward(pixels));

    /// <summary>Pictures [B, 3, H, W] to the encoder's patch tokens [B, N, width], row-major; <see cref="Embed"/> gives
    /// what the predictor reads.</summary>
    /// <exception cref="ArgumentException">The pictures are no model's of this size, or only some tokens are to be
    /// seen.</exception>
    public override Tensor Encode(Tensor pixels, Tensor? visible = null, Action<int, Tensor>? observe = null)
    {
        JepaConfig.Require(visible is null, $"LeWorldModel sees whole pictures, not some of their tokens");
        JepaConfig.Require(pixels.Shape.Rank == 4 && pixels.Shape[2] == Config.ImageSize && pixels.Shape[3] == Config.ImageSize,
            $"LeWorldModel sees pictures [B, 3, {Config.ImageSize}, {Config.ImageSize}], not {pixels.Shape}; resize them");
        Tensor tokens = encoder.Tokens(pixels, observe);
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
        Tensor embeddings = Embed(pixels.Reshape(batch * frames, pixels.Shape[2], pixels.Shape[3], pixels.Shape[4])).Reshape(batch, frames, width);
        Tensor encoded = EncodeActions(actions.Slice(1, 0, context));
        Tensor seen = embeddings.Slice(1, 0, context);
        int history = Math.Min(Config.History, context);
        if (context % history != 0)
            throw new ArgumentException($"LeWorldModel: {frames} frames give {context} contexts, which do not divide into windows of {history}");
        Tensor outputs = Predictor.Forward(seen.Reshape(-1, history, width), encoded.Reshape(-1, history, width), key);
        return new LeWorldModelOutput(embeddings, ProjectPredictions(outputs.Reshape(batch, context, width)));
    }

    /// <summary>The embedding [1, D], which the projector has a part in.</summary>
    protected internal override Tensor Features(TensorScope scope) => Embed(FixedPixels(scope).Select(1, 0));

    /// <inheritdoc/>
    public override string Takes =>
        $"pixels [B, T, 3, {Config.ImageSize}, {Config.ImageSize}] and action [B, T, {Config.ActionWidth}], "
        + $"(goal [B, 1, 3, {Config.ImageSize}, {Config.ImageSize}] and action_candidates [B, S, steps, {Config.ActionWidth}])";

    /// <inheritdoc/>
    protected override string[] InputNames => ["pixels", "action", "goal", "action_candidates"];

    /// <summary>With the names of the published LeWM (stable_worldmodel/wm/lewm): emb and act_emb [B, T, D]; pred [B,
    /// T, D] of the frames after each where the predictor sees T frames at once, else [B, T − 1, D] as in training;
    /// with a goal predicted_emb [B, S, 1 + steps, D], which starts with the first frame's embedding, and cost [B, S],
    /// the squared distance of its last to the goal's.</summary>
    protected override IReadOnlyList<(string Name, Tensor Tensor)> RunNamed(NamedInputs given, RunOptions options)
    {
        int size = Config.ImageSize;
        Tensor pixels = given.Needed("pixels", 0, 0, 3, size, size);
        int batch = pixels.Shape[0], frames = pixels.Shape[1];
        Tensor action = given.Needed("action", batch, frames, Config.ActionWidth);
        Tensor actions = EncodeActions(action), embeddings, predictions;
        if (frames > Config.History)
        {
            (embeddings, predictions) = Forward(pixels, action);
        }
        else
        {
            embeddings = Embed(pixels.Reshape(batch * frames, 3, size, size)).Reshape(batch, frames, Config.EmbeddingWidth);
            predictions = ProjectPredictions(Predictor.Forward(embeddings, actions, default));
        }
        List<(string, Tensor)> outputs = [("emb", embeddings), ("act_emb", actions), ("pred", predictions)];
        if (given.Optional("goal") is not null || given.Optional("action_candidates") is not null)
        {
            Tensor goal = Embed(given.Needed("goal", batch, 1, 3, size, size).Select(1, 0));
            outputs.AddRange(Imagine(embeddings.Select(1, 0), goal, given.Needed("action_candidates", batch, 0, 0, Config.ActionWidth)));
        }
        return outputs;
    }

    private (string, Tensor)[] Imagine(Tensor first, Tensor goal, Tensor candidates)
    {
        int batch = candidates.Shape[0], count = candidates.Shape[1], steps = candidates.Shape[2], width = Config.EmbeddingWidth;
        Tensor start = first.Reshape(batch, 1, width).Broadcast([batch, count, width]).Reshape(batch * count, width);
        Tensor imagined = LatentRollout.Run(this, start, candidates.Reshape(batch * count, steps, Config.ActionWidth));
        Tensor trajectory = TensorOps.Concat(1, start.Reshape(-1, 1, width), imagined);
        Tensor cost = (imagined.Select(1, -1).Reshape(batch, count, width) - goal.Reshape(batch, 1, width)).Square().Sum([-1]);
        return [("predicted_emb", trajectory.Reshape(batch, count, steps + 1, width)), ("cost", cost)];
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
