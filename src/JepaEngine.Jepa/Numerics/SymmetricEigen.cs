namespace JepaEngine.Jepa.Numerics;

/// <summary>Eigenvalues and eigenvectors of a symmetric matrix: Householder's reduction to tridiagonal form and
/// implicit QL (EISPACK's tred2 and tql2, by way of Bowdler, Martin, Reinsch and Wilkinson, 1968), for the spectra and
/// PCA of a few hundred dimensions.</summary>
public static class SymmetricEigen
{
    /// <summary>Decomposes.</summary>
    /// <param name="matrix">[n, n] row-major; overwritten: column j becomes the unit eigenvector of value j.</param>
    /// <returns>The n eigenvalues, smallest first.</returns>
    public static double[] Decompose(double[] matrix)
    {
        int n = (int)Math.Sqrt(matrix.Length);
        double[] values = new double[n], off = new double[n];
        if (n == 0)
            return values;
        Tridiagonalize(matrix, n, values, off);
        Diagonalize(matrix, n, values, off);
        return values;
    }

    private static void Tridiagonalize(double[] v, int n, double[] d, double[] e)
    {
        for (int j = 0; j < n; j++)
            d[j] = v[(n - 1) * n + j];
        for (int i = n - 1; i > 0; i--)
        {
            double scale = 0, h = 0;
            for (int k = 0; k < i; k++)
                scale += Math.Abs(d[k]);
            if (scale == 0)
            {
                e[i] = d[i - 1];
                for (int j = 0; j < i; j++)
                {
                    d[j] = v[(i - 1) * n + j];
                    v[i * n + j] = v[j * n + i] = 0;
                }
                d[i] = 0;
                continue;
            }
            for (int k = 0; k < i; k++)
            {
                d[k] /= scale;
                h += d[k] * d[k];
            }
            double f = d[i - 1], g = f > 0 ? -Math.Sqrt(h) : Math.Sqrt(h);
            e[i] = scale * g;
            h -= f * g;
            d[i - 1] = f - g;
            Array.Clear(e, 0, i);
            for (int j = 0; j < i; j++)
            {
                f = v[j * n + i] = d[j];
                g = e[j] + v[j * n + j] * f;
                for (int k = j + 1; k < i; k++)
                {
                    g += v[k * n + j] * d[k];
                    e[k] += v[k * n + j] * f;
                }
                e[j] = g;
            }
            f = 0;
            for (int j = 0; j < i; j++)
                f += (e[j] /= h) * d[j];
            double half = f / (h + h);
            for (int j = 0; j < i; j++)
                e[j] -= half * d[j];
            for (int j = 0; j < i; j++)
            {
                f = d[j];
                g = e[j];
                for (int k = j; k < i; k++)
                    v[k * n + j] -= f * e[k] + g * d[k];
                d[j] = v[(i - 1) * n + j];
                v[i * n + j] = 0;
            }
            d[i] = h;
        }
        Accumulate(v, n, d);
        e[0] = 0;
    }

    /// <summary>Multiplies the Householder reflections into the eigenvectors' basis.</summary>
    private static void Accumulate(double[] v, int n, double[] d)
    {
        for (int i = 0; i < n - 1; i++)
        {
            v[(n - 1) * n + i] = v[i * n + i];
            v[i * n + i] = 1;
            double h = d[i + 1];
            if (h != 0)
            {
                for (int k = 0; k <= i; k++)
                    d[k] = v[k * n + i + 1] / h;
                for (int j = 0; j <= i; j++)
                {
                    double g = 0;
                    for (int k = 0; k <= i; k++)
                        g += v[k * n + i + 1] * v[k * n + j];
                    for (int k = 0; k <= i; k++)
                        v[k * n + j] -= g * d[k];
                }
            }
            for (int k = 0; k <= i; k++)
                v[k * n + i + 1] = 0;
        }
        for (int j = 0; j < n; j++)
        {
            d[j] = v[(n - 1) * n + j];
            v[(n - 1) * n + j] = 0;
        }
        v[n * n - 1] = 1;
    }

    private static void Diagonalize(double[] v, int n, double[] d, double[] e)
    {
        Array.Copy(e, 1, e, 0, n - 1);
        e[n - 1] = 0;
        double shift = 0, largest = 0;
        for (int l = 0; l < n; l++)
        {
            largest = Math.Max(largest, Math.Abs(d[l]) + Math.Abs(e[l]));
            int m = l;
            while (m < n - 1 && Math.Abs(e[m]) > double.Epsilon + Math.Pow(2, -52) * largest)
                m++;
            while (m > l && Math.Abs(e[l]) > Math.Pow(2, -52) * largest)
                shift += QlStep(v, n, d, e, l, m);
            d[l] += shift;
            e[l] = 0;
        }
        Sort(v, n, d);
    }

    private static double QlStep(double[] v, int n, double[] d, double[] e, int l, int m)
    {
        double g = d[l], p = (d[l + 1] - g) / (2 * e[l]), r = double.Hypot(p, 1);
        r = p < 0 ? -r : r;
        d[l] = e[l] / (p + r);
        d[l + 1] = e[l] * (p + r);
        double next = d[l + 1], h = g - d[l];
        for (int i = l + 2; i < n; i++)
            d[i] -= h;
        p = d[m];
        double c = 1, c2 = 1, c3 = 1, s = 0, s2 = 0, el1 = e[l + 1];
        for (int i = m - 1; i >= l; i--)
        {
            c3 = c2;
            c2 = c;
            s2 = s;
            g = c * e[i];
            double t = c * p;
            r = double.Hypot(p, e[i]);
            e[i + 1] = s * r;
            s = e[i] / r;
            c = p / r;
            p = c * d[i] - s * g;
            d[i + 1] = t + s * (c * g + s * d[i]);
            for (int k = 0; k < n; k++)
            {
                t = v[k * n + i + 1];
                v[k * n + i + 1] = s * v[k * n + i] + c * t;
                v[k * n + i] = c * v[k * n + i] - s * t;
            }
        }
        p = -s * s2 * c3 * el1 * e[l] / next;
        e[l] = s * p;
        d[l] = c * p;
        return h;
    }

    private static void Sort(double[] v, int n, double[] d)
    {
        for (int i = 0; i < n - 1; i++)
        {
            int smallest = i;
            for (int j = i + 1; j < n; j++)
                if (d[j] < d[smallest])
                    smallest = j;
            if (smallest == i)
                continue;
            (d[i], d[smallest]) = (d[smallest], d[i]);
            for (int k = 0; k < n; k++)
                (v[k * n + i], v[k * n + smallest]) = (v[k * n + smallest], v[k * n + i]);
        }
    }
}
