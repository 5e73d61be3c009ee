namespace JepaEngine.Backends.Reference;

internal sealed partial class ReferenceBackend<T>
{
    public override void Loss(LossKind kind, in Operand prediction, in Operand target, in Operand dst)
    {
        View<T> predictions = Of(prediction), targets = Of(target), to = Of(dst);
        T sum = T.Zero;
        for (long i = 0; i < predictions.Count; i++)
            sum += LossOf(kind, predictions[i] - targets[i]);
        to[0] = sum / Number(predictions.Count);
    }

    public override void LossGrad(LossKind kind, in Operand prediction, in Operand target, in Operand dloss, in Operand dprediction)
    {
        View<T> predictions = Of(prediction), targets = Of(target), to = Of(dprediction);
        T upstream = Of(dloss)[0] / Number(predictions.Count);
        for (long i = 0; i < predictions.Count; i++)
            to[i] = upstream * SlopeOf(kind, predictions[i] - targets[i]);
    }

    public override void LatentLoss(LossKind kind, in Operand prediction, in Operand targets, in Operand ids, double? eps,
        in Operand dst, in Operand? derivative)
    {
        View<T> predictions = Of(prediction), from = Of(targets), to = Of(dst);
        View<T>? slopes = Of(derivative);
        (int rows, int columns) = Rows(prediction);
        T sum = T.Zero;
        for (int r = 0; r < rows; r++)
        {
            long row = (long)r * columns, target = LoadInteger(ids, ids.Layout.IndexOf(r)) * columns;
            (T mean, T rstd) = eps is { } epsilon ? Statistics(from, target, columns, epsilon) : (T.Zero, T.One);
            for (int c = 0; c < columns; c++)
            {
                T d = predictions[row + c] - (from[target + c] - mean) * rstd;
                sum += LossOf(kind, d);
                if (slopes is { } s)
                    s[row + c] = SlopeOf(kind, d) / Number(predictions.Count);
            }
        }
        to[0] = sum / Number(predictions.Count);
    }

    public override void LatentLossGrad(in Operand derivative, in Operand dloss, in Operand dprediction)
    {
        View<T> from = Of(derivative), to = Of(dprediction);
        T upstream = Of(dloss)[0];
        for (long i = 0; i < from.Count; i++)
            to[i] = upstream * from[i];
    }

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

    private static T LossOf(LossKind kind, T d) => kind switch
    {
        LossKind.MeanSquared => d * d,
        LossKind.L1 => T.Abs(d),
        LossKind.SmoothL1 => T.Abs(d) < T.One ? d * d / Two : T.Abs(d) - T.One / Two,
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "not a loss"),
    };

    private static T SlopeOf(LossKind kind, T d) => kind switch
    {
        LossKind.MeanSquared => Two * d,
        LossKind.L1 => Sign(d),
        LossKind.SmoothL1 => T.Abs(d) < T.One ? d : Sign(d),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "not a loss"),
    };
}
