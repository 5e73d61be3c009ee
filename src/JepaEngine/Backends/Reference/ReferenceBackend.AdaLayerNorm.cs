namespace JepaEngine.Backends.Reference;

internal sealed partial class ReferenceBackend<T>
{
    /// <summary>Peebles and Xie, Scalable Diffusion Models with Transformers, arXiv 2212.09748.</summary>
    public override void AdaLayerNorm(in Operand x, in Operand shift, in Operand scale, double eps,
        in Operand dst, in Operand mean, in Operand rstd)
    {
        View<T> from = Of(x), shifts = Of(shift), scales = Of(scale), to = Of(dst), means = Of(mean), rstds = Of(rstd);
        (int rows, int columns) = Rows(x);
        for (int r = 0; r < rows; r++)
        {
            long row = (long)r * columns;
            (T m, T s) = Statistics(from, row, columns, eps);
            means[r] = m;
            rstds[r] = s;
            for (int c = 0; c < columns; c++)
                to[row + c] = (from[row + c] - m) * s * (T.One + scales[row + c]) + shifts[row + c];
        }
    }

    /// <summary>As <see cref="LayerNormGrad"/> with g = dy (1 + scale); dshift = dy, dscale = dy x̂.</summary>
    public override void AdaLayerNormGrad(in Operand x, in Operand scale, in Operand mean, in Operand rstd, in Operand dy,
        in Operand dx, bool accumulate, in Operand dshift, in Operand dscale)
    {
        View<T> from = Of(x), scales = Of(scale), means = Of(mean), rstds = Of(rstd), upstream = Of(dy);
        View<T> to = Of(dx), toShift = Of(dshift), toScale = Of(dscale);
        (int rows, int columns) = Rows(x);
        T[] normal = new T[columns], g = new T[columns];
        for (int r = 0; r < rows; r++)
        {
            long row = (long)r * columns;
            for (int c = 0; c < columns; c++)
            {
                normal[c] = (from[row + c] - means[r]) * rstds[r];
                g[c] = upstream[row + c] * (T.One + scales[row + c]);
                toScale[row + c] = upstream[row + c] * normal[c];
                toShift[row + c] = upstream[row + c];
            }
            NormGrad(normal, g, rstds[r], to, row, accumulate);
        }
    }
}
