namespace JepaEngine.Backends.Reference;

internal sealed partial class ReferenceBackend<T>
{
    /// <summary>Ioffe and Szegedy, arXiv 1502.03167, with PyTorch's running statistics: (1 − momentum) · old + momentum · new.</summary>
    public override void BatchNorm(in Operand x, in Operand weight, in Operand bias, in Operand runningMean, in Operand runningVariance,
        double momentum, double eps, in Operand dst, in Operand mean, in Operand rstd)
    {
        View<T> from = Of(x), w = Of(weight), b = Of(bias), to = Of(dst), means = Of(mean), rstds = Of(rstd);
        View<T> runningMeans = Of(runningMean), runningVariances = Of(runningVariance);
        (int rows, int columns) = (x.Shape[0], x.Shape[1]);
        T keep = Number(1 - momentum), move = Number(momentum);
        for (int c = 0; c < columns; c++)
        {
            T sum = T.Zero, squares = T.Zero;
            for (int r = 0; r < rows; r++)
                sum += from[r, c];
            T m = sum / Number(rows);
            for (int r = 0; r < rows; r++)
                squares += (from[r, c] - m) * (from[r, c] - m);
            T s = T.One / T.Sqrt(squares / Number(rows) + Number(eps));
            means[c] = m;
            rstds[c] = s;
            runningMeans[c] = keep * runningMeans[c] + move * m;
            runningVariances[c] = keep * runningVariances[c] + move * (squares / Number(rows - 1));
            for (int r = 0; r < rows; r++)
                to[r, c] = (from[r, c] - m) * s * w[c] + b[c];
        }
    }

    public override void BatchNormInference(in Operand x, in Operand weight, in Operand bias,
        in Operand runningMean, in Operand runningVariance, double eps, in Operand dst)
    {
        View<T> from = Of(x), w = Of(weight), b = Of(bias), means = Of(runningMean), variances = Of(runningVariance), to = Of(dst);
        for (int r = 0; r < x.Shape[0]; r++)
            for (int c = 0; c < x.Shape[1]; c++)
                to[r, c] = (from[r, c] - means[c]) / T.Sqrt(variances[c] + Number(eps)) * w[c] + b[c];
    }

    /// <summary>As <see cref="LayerNormGrad"/>, of columns: dx = weight rstd (dy − mean(dy) − x̂ mean(dy x̂)).</summary>
    public override void BatchNormGrad(in Operand x, in Operand weight, in Operand mean, in Operand rstd, in Operand dy,
        in Operand dx, in Operand dweight, in Operand dbias)
    {
        View<T> from = Of(x), w = Of(weight), means = Of(mean), rstds = Of(rstd), upstream = Of(dy);
        View<T> to = Of(dx), toWeight = Of(dweight), toBias = Of(dbias);
        (int rows, int columns) = (x.Shape[0], x.Shape[1]);
        for (int c = 0; c < columns; c++)
        {
            T sum = T.Zero, sumNormal = T.Zero;
            for (int r = 0; r < rows; r++)
            {
                sum += upstream[r, c];
                sumNormal += upstream[r, c] * (from[r, c] - means[c]) * rstds[c];
            }
            toBias[c] = sum;
            toWeight[c] = sumNormal;
            for (int r = 0; r < rows; r++)
            {
                T normal = (from[r, c] - means[c]) * rstds[c];
                to[r, c] = w[c] * rstds[c] * (upstream[r, c] - sum / Number(rows) - normal * sumNormal / Number(rows));
            }
        }
    }
}
