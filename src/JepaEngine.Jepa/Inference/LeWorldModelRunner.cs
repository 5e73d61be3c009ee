using JepaEngine.Jepa.Models;
using JepaEngine.Ops;
using JepaEngine.Tensors;

namespace JepaEngine.Jepa.Inference;

/// <summary>As <see cref="ModelRunner"/> for a LeWorldModel, with the names of the published LeWM (stable_worldmodel/wm/lewm).</summary>
public static class LeWorldModelRunner
{
    /// <summary>What a model takes: names and shapes, those that may be left out in brackets.</summary>
    public static string Takes(LeWorldModelConfig config) =>
        $"pixels [B, T, 3, {config.ImageSize}, {config.ImageSize}] and action [B, T, {config.ActionWidth}], "
        + $"(goal [B, 1, 3, {config.ImageSize}, {config.ImageSize}] and action_candidates [B, S, steps, {config.ActionWidth}])";

    /// <summary>
    /// The model's outputs for these inputs, in the scope of the inputs: emb and act_emb [B, T, D]; pred [B, T, D] of the frames after each where the
    /// predictor sees T frames at once, else [B, T − 1, D] as in training;
    /// with a goal predicted_emb [B, S, 1 + steps, D], which starts with the first frame's embedding, and cost [B, S], the squared distance of its last to
    /// the goal's.
    /// </summary>
    /// <exception cref="ArgumentException">An input is missing, unknown or of another shape; the message says what the model takes.</exception>
    public static IReadOnlyList<(string Name, Tensor Tensor)> Run(LeWorldModel model, IReadOnlyDictionary<string, Tensor> inputs)
    {
        LeWorldModelConfig config = model.Config;
        int size = config.ImageSize;
        var given = new NamedInputs(inputs, Takes(config), "pixels", "action", "goal", "action_candidates");
        Tensor pixels = given.Needed("pixels", 0, 0, 3, size, size);
        int batch = pixels.Shape[0], frames = pixels.Shape[1];
        Tensor action = given.Needed("action", batch, frames, config.ActionWidth);
        List<(string, Tensor)> outputs = [];
        Tensor actions = model.EncodeActions(action), embeddings, predictions;
        if (frames > config.History)
        {
            (embeddings, predictions) = model.Forward(pixels, action);
        }
        else
        {
            embeddings = model.Encode(pixels.Reshape(batch * frames, 3, size, size)).Reshape(batch, frames, config.EmbeddingWidth);
            predictions = model.ProjectPredictions(model.Predictor.Forward(embeddings, actions, default));
        }
        outputs.AddRange([("emb", embeddings), ("act_emb", actions), ("pred", predictions)]);
        if (given.Optional("goal") is not null || given.Optional("action_candidates") is not null)
        {
            Tensor goal = model.Encode(given.Needed("goal", batch, 1, 3, size, size).Select(1, 0));
            Tensor candidates = given.Needed("action_candidates", batch, 0, 0, config.ActionWidth);
            outputs.AddRange(Imagine(model, embeddings.Select(1, 0), goal, candidates));
        }
        return outputs;
    }

    private static (string, Tensor)[] Imagine(LeWorldModel model, Tensor first, Tensor goal, Tensor candidates)
    {
        int batch = candidates.Shape[0], count = candidates.Shape[1], steps = candidates.Shape[2], width = model.Config.EmbeddingWidth;
        Tensor start = first.Reshape(batch, 1, width).Broadcast([batch, count, width]).Reshape(batch * count, width);
        Tensor imagined = LatentRollout.Run(model, start, candidates.Reshape(batch * count, steps, model.Config.ActionWidth));
        Tensor trajectory = TensorOps.Concat(1, start.Reshape(-1, 1, width), imagined);
        Tensor cost = (imagined.Select(1, -1).Reshape(batch, count, width) - goal.Reshape(batch, 1, width)).Square().Sum([-1]);
        return [("predicted_emb", trajectory.Reshape(batch, count, steps + 1, width)), ("cost", cost)];
    }
}
