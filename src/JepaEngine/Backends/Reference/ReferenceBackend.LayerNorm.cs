namespace JepaEngine.Backends.Reference;

internal sealed partial class ReferenceBackend<T>
{
    /// <summary>Ba et al., arXiv 1607.06450.</summary>
    public override void LayerNorm(in Operand x, in Operand? weight, in Operand? bias, double eps,
        in Operand dst, in Operand mean, in Operand rstd)
    {
        View<T> from = Of(x), to = Of(dst), means = Of(mean), rstds = Of(rstd);
        View<T>? weights = Of(weight), biases = Of(bias);
        (int rows, int columns) = Rows(x);
        for (int r = 0; r < rows; r++)
        {
            long row = (long)r * columns;
            (T m, T s) = Statistics(from, row, columns, eps);
            means[r] = m;
            rstds[r] = s;
            for (int c = 0; c < columns; c++)
                to[row + c] = (from[row + c] - m) * s * (weights?[c] ?? T.One) + (biases?[c] ?? T.Zero);
        }
    }

    /// <summary>With g = dy · weight and means over the row: dx = rstd (g − mean(g) − x̂ mean(g x̂)).</summary>
    public override void LayerNormGrad(in Operand x, in Operand? weight, in Operand mean, in Operand rstd, in Operand dy,
        in Operand dx, bool accumulate, in Operand? dweight, in Operand? dbias)
    {
        View<T> from = Of(x), means = Of(mean), rstds = Of(rstd), upstream = Of(dy), to = Of(dx);
        View<T>? weights = Of(weight), toWeight = Of(dweight), toBias = Of(dbias);
        toWeight?.Fill(T.Zero);
        toBias?.Fill(T.Zero);
        (int rows, int columns) = Rows(x);
        T[] normal = new T[columns], g = new T[columns];
        for (int r = 0; r < rows; r++)
        {
            long row = (long)r * columns;
            for (int c = 0; c < columns; c++)
            {
                normal[c] = (from[row + c] - means[r]) * rstds[r];
                g[c] = upstream[row + c] * (weights?[c] ?? T.One);
                if (toWeight is { } w)
                    w[c] += upstream[row + c] * normal[c];
                if (toBias is { } b)
                    b[c] += upstream[row + c];
            }
            NormGrad(normal, g, rstds[r], to, row, accumulate);
        }
    }

    /// <summary>A row's mean and 1/√(variance + eps), in two passes.</summary>
    private static (T Mean, T Rstd) Statistics(in View<T> x, long row, int columns, double eps)
    {
        T sum = T.Zero, squares = T.Zero;
        for (int c = 0; c < columns; c++)
            sum += x[row + c];
        T mean = sum / Number(columns);
        for (int c = 0; c < columns; c++)
            squares += (x[row + c] - mean) * (x[row + c] - mean);
        return (mean, T.One / T.Sqrt(squares / Number(columns) + Number(eps)));
    }

    /// <summary>A row of dx = rstd (g − mean(g) − x̂ mean(g x̂)), g being the gradient of x̂.</summary>
    private static void NormGrad(T[] normal, T[] g, T rstd, in View<T> dx, long row, bool accumulate)
    {
        T meanG = T.Zero, meanGNormal = T.Zero;
        for (int c = 0; c < g.Length; c++)
        {
            meanG += g[c];
            meanGNormal += g[c] * normal[c];
        }
        meanG /= Number(g.Length);
        meanGNormal /= Number(g.Length);
        for (int c = 0; c < g.Length; c++)
            dx[row + c] = (accumulate ? dx[row + c] : T.Zero) + rstd * (g[c] - meanG - normal[c] * meanGNormal);
    }
}
