using JepaEngine.Memory;

namespace JepaEngine.Backends.Reference;

internal sealed partial class ReferenceBackend<T>
{
    /// <inheritdoc/>
    public override void Loss(LossKind kind, in Operand prediction, in Operand target, in Operand dst)
    {
        View<T> predictions = Of(prediction), targets = Of(target), to = Of(dst);
        T sum = T.Zero;
        for (long i = 0; i < predictions.Count; i++)
        {
            T d = predictions[i] - targets[i], size = T.Abs(d);
            sum += kind switch
            {
                LossKind.MeanSquared => d * d,
                LossKind.L1 => size,
                LossKind.SmoothL1 => size < T.One ? d * d / Two : size - T.One / Two,
                _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "not a loss"),
            };
        }
        to[0] = sum / Number(predictions.Count);
    }

    /// <inheritdoc/>
    public override void LossGrad(LossKind kind, in Operand prediction, in Operand target, in Operand dloss, in Operand dprediction)
    {
        View<T> predictions = Of(prediction), targets = Of(target), to = Of(dprediction);
        T upstream = Of(dloss)[0] / Number(predictions.Count);
        for (long i = 0; i < predictions.Count; i++)
        {
            T d = predictions[i] - targets[i];
            to[i] = upstream * kind switch
            {
                LossKind.MeanSquared => Two * d,
                LossKind.L1 => Sign(d),
                LossKind.SmoothL1 => T.Abs(d) < T.One ? d : Sign(d),
                _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "not a loss"),
            };
        }
    }

    /// <inheritdoc/>
    public override void NormalizeRows(in Operand dst)
    {
        View<T> to = Of(dst);
        (int rows, int columns) = Rows(dst);
        for (int r = 0; r < rows; r++)
        {
            T squares = T.Zero;
            for (int c = 0; c < columns; c++)
                squares += to[r, c] * to[r, c];
            for (int c = 0; c < columns; c++)
                to[r, c] /= T.Sqrt(squares);
        }
    }
}
