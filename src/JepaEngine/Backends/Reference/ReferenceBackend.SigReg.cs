namespace JepaEngine.Backends.Reference;

internal sealed partial class ReferenceBackend<T>
{
    /// <summary>One knot of the quadrature: t, φ(t) = e^(−t²/2) and twice the trapezoid weight times φ(t).</summary>
    private readonly record struct Knot(T Time, T Normal, T Weight);

    public override void SigReg(in Operand u, int knots, in Operand dst)
    {
        View<T> samples = Of(u), to = Of(dst);
        (int groups, int count, int directions) = (u.Shape[0], u.Shape[1], u.Shape[2]);
        T sum = T.Zero;
        for (int g = 0; g < groups; g++)
            for (int k = 0; k < directions; k++)
                foreach (Knot knot in Knots(knots))
                {
                    (T cos, T sin) = MeanCosSin(samples, g, k, count, knot.Time);
                    sum += Number(count) * knot.Weight * ((cos - knot.Normal) * (cos - knot.Normal) + sin * sin);
                }
        to[0] = sum / Number((double)groups * directions);
    }

    /// <summary>
    /// For each direction: d/du_n = Σ_j 2 w_j φ_j t_j [s_j cos(u_n t_j) − (c_j − φ_j) sin(u_n t_j)];
    /// the 1/N of the means cancels the factor N.
    /// </summary>
    public override void SigRegGrad(in Operand u, int knots, in Operand dloss, in Operand du)
    {
        View<T> samples = Of(u), to = Of(du);
        (int groups, int count, int directions) = (u.Shape[0], u.Shape[1], u.Shape[2]);
        T upstream = Of(dloss)[0] / Number((double)groups * directions);
        to.Fill(T.Zero);
        for (int g = 0; g < groups; g++)
            for (int k = 0; k < directions; k++)
                foreach (Knot knot in Knots(knots))
                {
                    (T cos, T sin) = MeanCosSin(samples, g, k, count, knot.Time);
                    for (int n = 0; n < count; n++)
                    {
                        T angle = samples[g, n, k] * knot.Time;
                        to[g, n, k] += upstream * Two * knot.Weight * knot.Time * (sin * T.Cos(angle) - (cos - knot.Normal) * T.Sin(angle));
                    }
                }
    }

    private static Knot[] Knots(int count)
    {
        var knots = new Knot[count];
        T step = Number(3) / Number(count - 1);
        for (int j = 0; j < count; j++)
        {
            T time = Number(j) * step, normal = T.Exp(-time * time / Two);
            knots[j] = new Knot(time, normal, (j == 0 || j == count - 1 ? step : Two * step) * normal);
        }
        return knots;
    }

    private static (T Cos, T Sin) MeanCosSin(in View<T> samples, int group, int direction, int count, T time)
    {
        T cos = T.Zero, sin = T.Zero;
        for (int n = 0; n < count; n++)
        {
            cos += T.Cos(samples[group, n, direction] * time);
            sin += T.Sin(samples[group, n, direction] * time);
        }
        return (cos / Number(count), sin / Number(count));
    }
}
