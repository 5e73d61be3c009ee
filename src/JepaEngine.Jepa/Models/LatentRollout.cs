namespace JepaEngine.Jepa.Models;

/// <summary>Imagines futures in embedding space. Each step predicts from the last <c>History</c> embeddings (fewer
/// while the window grows), each with the action that leaves it, in slots from 0. While the window grows, earlier
/// slots' keys and values are kept; once it slides every slot's position changes, so all are computed again, but only
/// what the last slot's output needs. Actions are encoded and turned into modulations once.</summary>
public static class LatentRollout
{
    /// <summary>Predicted embeddings after each action: from start [S, D] with action blocks [S, T, A] to [S, T, D].
    /// The model evaluates.</summary>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    public static Tensor Run(LeWorldModel model, Tensor start, Tensor actions)
    {
        if (start.Shape.Rank != 2 || actions.Shape.Rank != 3 || start.Shape[0] != actions.Shape[0])
            throw new ArgumentException($"LatentRollout: start {start.Shape} and actions {actions.Shape} are not [S, D] and [S, T, A]");
        TensorScope scope = actions.Scope;
        int batch = start.Shape[0], steps = actions.Shape[1], width = start.Shape[1], history = model.Config.History;
        LeWorldModelPredictor predictor = model.Predictor;
        Tensor encoded = model.EncodeActions(actions);
        // A predictor that sees one slot uses each modulation once; else they are kept, since a window needs those of its earlier slots again.
        Tensor[] modulations = history == 1 ? [] : predictor.Modulations(encoded);
        KeyValueCache? cache = history == 1 ? null : new KeyValueCache(scope, model.Config, batch);
        // Embedding t of the trajectory lies at [:, t].
        Tensor trajectory = scope.Empty([batch, steps + 1, width]);
        trajectory.Select(1, 0).CopyFrom(start);
        for (int t = 0; t < steps; t++)
        {
            // What a step computes on the way goes back when it ends, so that the next finds it in the cache.
            using var step = new TensorScope(scope.Device, "rollout step");
            int first = Math.Max(0, t - history + 1), slots = t - first + 1;
            Tensor output =
                cache is null ? predictor.ForwardLast(Slots(t, 1), predictor.Modulations(step.Use(encoded.Slice(1, t, 1))))
                : t < history ? predictor.Append(Slots(t, 1), Window(step, modulations, t, 1), cache)
                : predictor.ForwardLast(Slots(first, slots), Window(step, modulations, first, slots));
            trajectory.Slice(1, t + 1, 1).CopyFrom(model.ProjectPredictions(output));

            Tensor Slots(int from, int count) => step.Use(trajectory.Slice(1, from, count));
        }
        return trajectory.Slice(1, 1, steps);
    }

    private static Tensor[] Window(TensorScope scope, Tensor[] modulations, int start, int length) =>
        [.. modulations.Select(m => scope.Use(m.Slice(1, start, length)))];
}
