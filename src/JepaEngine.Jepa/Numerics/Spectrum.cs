namespace JepaEngine.Jepa.Numerics;

/// <summary>How embeddings fill their space.</summary>
/// <param name="Eigenvalues">Of the covariance, largest first.</param>
/// <param name="Directions">[D, D]: row i is the unit direction of eigenvalue i.</param>
/// <param name="Mean">[D].</param>
public sealed record Spectrum(double[] Eigenvalues, double[] Directions, double[] Mean)
{
    /// <summary>The effective rank (Roy and Vetterli, EUSIPCO 2007, over the covariance's eigenvalues): e to the
    /// entropy of their shares. 1 is collapse to a line, D is isotropy.</summary>
    public double EffectiveRank
    {
        get
        {
            double sum = 0, entropy = 0;
            foreach (double value in Eigenvalues)
                sum += Math.Max(0, value);
            foreach (double value in Eigenvalues)
            {
                double share = sum > 0 ? Math.Max(0, value) / sum : 0;
                entropy -= share > 0 ? share * Math.Log(share) : 0;
            }
            return Math.Exp(entropy);
        }
    }

    /// <summary>The spectrum of samples [N, D].</summary>
    public static Spectrum Of(ReadOnlySpan<float> samples, int width)
    {
        int count = samples.Length / width;
        double[] mean = new double[width], covariance = new double[width * width];
        for (int n = 0; n < count; n++)
            for (int d = 0; d < width; d++)
                mean[d] += samples[n * width + d] / (double)count;
        double[] centred = new double[width];
        for (int n = 0; n < count; n++)
        {
            for (int d = 0; d < width; d++)
                centred[d] = samples[n * width + d] - mean[d];
            for (int i = 0; i < width; i++)
            {
                double scaled = centred[i] / Math.Max(1, count - 1);
                Span<double> row = covariance.AsSpan(i * width, i + 1);
                for (int j = 0; j < row.Length; j++)
                    row[j] += scaled * centred[j];
            }
        }
        for (int i = 0; i < width; i++)
            for (int j = i + 1; j < width; j++)
                covariance[i * width + j] = covariance[j * width + i];
        double[] ascending = SymmetricEigen.Decompose(covariance);
        double[] values = new double[width], directions = new double[width * width];
        for (int i = 0; i < width; i++)
        {
            values[i] = ascending[width - 1 - i];
            for (int d = 0; d < width; d++)
                directions[i * width + d] = covariance[d * width + width - 1 - i];
        }
        return new Spectrum(values, directions, mean);
    }

    /// <summary>Samples [N, D] in the first <paramref name="components"/> directions, [N, components].</summary>
    public float[] Project(ReadOnlySpan<float> samples, int components)
    {
        int width = Mean.Length, count = samples.Length / width;
        float[] projected = new float[count * components];
        for (int n = 0; n < count; n++)
        {
            for (int c = 0; c < components; c++)
            {
                double sum = 0;
                for (int d = 0; d < width; d++)
                    sum += (samples[n * width + d] - Mean[d]) * Directions[c * width + d];
                projected[n * components + c] = (float)sum;
            }
        }
        return projected;
    }
}
