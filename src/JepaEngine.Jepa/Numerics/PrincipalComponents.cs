namespace JepaEngine.Jepa.Numerics;

/// <summary>
/// The first principal components of wide samples, where <see cref="Spectrum"/> would take minutes: subspace iteration with Rayleigh and Ritz's last step
/// (Halko, Martinsson and Tropp, arXiv 0909.4061, section 4.5), from a fixed start.
/// </summary>
/// <param name="Variances">Of each component, largest first.</param>
/// <param name="Directions">[components, D], unit rows.</param>
/// <param name="Scores">[N, components]: the samples, less their mean, in the components.</param>
public sealed record PrincipalComponents(double[] Variances, double[] Directions, float[] Scores)
{
    /// <summary>Directions beyond those wanted: the more, the faster it converges.</summary>
    private const int Oversampling = 9;

    /// <summary>The error shrinks each time by the ratio of the first variance left out to the last wanted.</summary>
    private const int Iterations = 40;

    /// <summary>
    /// Finds them. A component's sign is such that its scores have their long tail on the positive side, so that neither the samples' order nor a rotation of
    /// their space matters.
    /// </summary>
    /// <param name="samples">[N, width].</param>
    /// <param name="width">Numbers a sample.</param>
    /// <param name="components">How many; those beyond the samples' rank are 0.</param>
    /// <exception cref="ArgumentException">The samples are none, or hold infinities or what is no number.</exception>
    public static PrincipalComponents Of(ReadOnlySpan<float> samples, int width, int components)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        if (samples.IsEmpty || samples.Length % width != 0)
            throw new ArgumentException($"{samples.Length} numbers are no samples of {width}", nameof(samples));
        int count = samples.Length / width, kept = components + Oversampling;
        using var scope = new TensorScope(Device.Cpu, "principal components");
        Tensor x = scope.From<float>(Centred(samples, width), [count, width]);
        Tensor covariance = x.Transpose(0, 1).MatMul(x);
        double[] basis = new double[width * kept];
        var random = new PhiloxRandom(new PhiloxKey(0x504341));
        for (int i = 0; i < basis.Length; i++)
            basis[i] = random.NextNormal();
        for (int i = 0; i < Iterations; i++)
        {
            using var step = new TensorScope(Device.Cpu, "subspace iteration");
            Orthonormalize(basis, kept);
            basis = covariance.MatMul(step.From<double>(basis, [width, kept])).ToArray<double>();
        }
        Orthonormalize(basis, kept);
        double[] projected = x.MatMul(scope.From<double>(basis, [width, kept])).ToArray<double>();
        return Ritz(projected, basis, count, width, kept, components);
    }

    private static float[] Centred(ReadOnlySpan<float> samples, int width)
    {
        double[] mean = new double[width];
        for (int i = 0; i < samples.Length; i++)
        {
            if (!float.IsFinite(samples[i]))
                throw new ArgumentException($"sample {i / width} holds {samples[i]}; components need finite numbers", nameof(samples));
            mean[i % width] += samples[i];
        }
        float[] centred = new float[samples.Length];
        for (int i = 0; i < centred.Length; i++)
            centred[i] = (float)(samples[i] - mean[i % width] / (samples.Length / width));
        return centred;
    }

    /// <summary>Gram and Schmidt over the columns, each twice; a column that depends on those before it becomes 0.</summary>
    private static void Orthonormalize(double[] basis, int columns)
    {
        for (int c = 0; c < columns; c++)
        {
            double before = Math.Sqrt(Dot(basis, c, c, columns));
            for (int pass = 0; pass < 2; pass++)
            {
                for (int other = 0; other < c; other++)
                {
                    double share = Dot(basis, c, other, columns);
                    for (int i = 0; i < basis.Length; i += columns)
                        basis[i + c] -= share * basis[i + other];
                }
            }
            double length = Math.Sqrt(Dot(basis, c, c, columns)), scale = length > 1e-9 * before ? 1 / length : 0;
            for (int i = 0; i < basis.Length; i += columns)
                basis[i + c] *= scale;
        }
    }

    private static double Dot(double[] basis, int a, int b, int columns)
    {
        double sum = 0;
        for (int i = 0; i < basis.Length; i += columns)
            sum += basis[i + a] * basis[i + b];
        return sum;
    }

    /// <summary>The components inside the subspace, from its own small covariance.</summary>
    private static PrincipalComponents Ritz(double[] projected, double[] basis, int count, int width, int kept, int components)
    {
        double[] small = new double[kept * kept];
        for (int a = 0; a < kept; a++)
            for (int b = 0; b < kept; b++)
                small[a * kept + b] = Dot(projected, a, b, kept) / Math.Max(1, count - 1);
        double[] ascending = SymmetricEigen.Decompose(small), variances = new double[components], directions = new double[components * width];
        float[] scores = new float[count * components];
        for (int c = 0; c < components; c++)
        {
            int column = kept - 1 - c;
            variances[c] = Math.Max(0, ascending[column]);
            double[] own = Turn(projected, count), direction = Turn(basis, width);
            double sign = own.Sum(score => score * score * score) < 0 ? -1 : 1;
            for (int n = 0; n < count; n++)
                scores[n * components + c] = (float)(sign * own[n]);
            for (int d = 0; d < width; d++)
                directions[c * width + d] = sign * direction[d];

            double[] Turn(double[] rows, int length)
            {
                double[] turned = new double[length];
                for (int n = 0; n < length; n++)
                    for (int k = 0; k < kept; k++)
                        turned[n] += rows[n * kept + k] * small[k * kept + column];
                return turned;
            }
        }
        return new PrincipalComponents(variances, directions, scores);
    }
}
