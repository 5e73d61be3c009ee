using JepaEngine.Autograd;
using JepaEngine.Backends;
using JepaEngine.Devices;
using JepaEngine.Tensors;

namespace JepaEngine.Ops;

public static partial class TensorOps
{
    /// <summary>
    /// The loss of predicted tokens against those of a target encoder, as JEPA trains: prediction [M B, K, D] with the tokens ids [M B, K] (I32 or I64, in any
    /// order) of targets [B, N, D]. There are M masks a picture, the batch of one after that of another, as I-JEPA joins them: [m, k] is compared with token
    /// ids[m, k] of targets[m mod B].
    /// </summary>
    /// <remarks>
    /// One pass gathers, normalises, sums and, on a tape, takes the derivative: with elements of s bytes it moves 3 s an element of the prediction, and the
    /// backward pass 2 s to multiply by dloss. LayerNorm of all targets, <see cref="Gather"/>, a loss and its gradient move 7 s, and 2 s an element of the
    /// targets: with four targets a prediction 30 bytes in bf16, where this moves 6 and 4.
    /// </remarks>
    /// <param name="prediction">The predictor's tokens.</param>
    /// <param name="targets">The target encoder's; no gradient flows to them.</param>
    /// <param name="ids">Which of the targets each prediction is of.</param>
    /// <param name="kind">How the two are compared; a mean over all elements.</param>
    /// <param name="eps">Normalises each target, (t − mean)/√(var + eps) over D with the biased variance; null takes it as it is.</param>
    /// <exception cref="ArgumentException">The shapes do not fit or are empty, the ids are no integers, or the targets require a gradient.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An id is not below N.</exception>
    public static Tensor LatentLoss(this Tensor prediction, Tensor targets, Tensor ids, LossKind kind, double? eps)
    {
        Op.Require(prediction.Shape.Rank == 3 && targets.Shape.Rank == 3 && prediction.Shape[2] == targets.Shape[2]
            && targets.Shape[0] > 0 && prediction.Shape[0] % targets.Shape[0] == 0 && ids.Shape == [prediction.Shape[0], prediction.Shape[1]],
            $"LatentLoss: prediction {prediction.Shape}, targets {targets.Shape} and ids {ids.Shape} are not [M B, K, D], [B, N, D] and [M B, K]");
        Op.Require(prediction.Shape.Count > 0, $"LatentLoss: {prediction.Shape} has nothing to average");
        Op.Scope("LatentLoss", prediction, targets);
        TensorScope scope = Op.ScopeWithRaw("LatentLoss", ids, prediction, targets);
        prediction = Op.Rows(prediction);
        targets = Op.Rows(targets);
        int batches = targets.Shape[0];
        Tensor rows = RowsOf("LatentLoss", scope, ids, batches, targets.Shape[1], prediction.Shape[0] / batches);
        Tensor y = scope.Empty([], scope.Device.Statistics);
        bool isRecorded = Op.IsRecorded(scope, out Tape? tape, prediction, targets);
        Op.Require(!isRecorded || !targets.RequiresGrad, $"LatentLoss: no gradient flows to the targets; give them without one (Detach)");
        Tensor? derivative = isRecorded ? scope.Empty(prediction.Shape, prediction.DType) : null;
        Backend backend = y.Backend;
        backend.LatentLoss(kind, Op.Matrix(prediction), Op.Matrix(targets), rows.Operand, eps, y.Operand, derivative?.Operand);
        if (derivative is not null)
        {
            tape!.Record(y, dy =>
            {
                tape.Contribute(prediction, d => backend.LatentLossGrad(derivative.Operand, dy.Operand, d));
                derivative.Release();
            });
        }
        return y;
    }
}
