namespace JepaEngine.Jepa.Numerics;

/// <summary>The least-squares affine map from embeddings to states: shows how much of the state an embedding holds
/// linearly. A low prediction loss does not show that places share an embedding; this does.</summary>
public sealed class LinearProbe
{
    private readonly int inputs, outputs;
    private readonly double[] weights;

    /// <summary>Fits on samples [N, D] and targets [N, S].</summary>
    /// <exception cref="ArgumentException">There are fewer samples than numbers to fit.</exception>
    public LinearProbe(ReadOnlySpan<float> samples, int inputs, ReadOnlySpan<float> targets, int outputs)
    {
        (this.inputs, this.outputs) = (inputs, outputs);
        int size = inputs + 1, count = samples.Length / inputs;
        if (count <= size || targets.Length != count * outputs)
            throw new ArgumentException($"a probe from {inputs} to {outputs} numbers cannot be fitted on {count} samples with {targets.Length} targets");
        double[] gram = new double[size * size], right = new double[size * outputs], row = new double[size];
        for (int n = 0; n < count; n++)
        {
            for (int d = 0; d < inputs; d++)
                row[d] = samples[n * inputs + d];
            row[inputs] = 1;
            for (int i = 0; i < size; i++)
            {
                for (int j = 0; j <= i; j++)
                    gram[i * size + j] += row[i] * row[j];
                for (int o = 0; o < outputs; o++)
                    right[i * outputs + o] += row[i] * targets[n * outputs + o];
            }
        }
        // A little of the trace on the diagonal keeps collapsed embeddings solvable.
        double trace = 0;
        for (int i = 0; i < size; i++)
            trace += gram[i * size + i];
        for (int i = 0; i < size; i++)
            gram[i * size + i] += 1e-9 * trace / size;
        weights = SolveCholesky(gram, size, right, outputs);
    }

    /// <summary>The states [N, S] read from samples [N, D].</summary>
    public float[] Read(ReadOnlySpan<float> samples)
    {
        int count = samples.Length / inputs;
        float[] result = new float[count * outputs];
        for (int n = 0; n < count; n++)
        {
            for (int o = 0; o < outputs; o++)
            {
                double sum = weights[inputs * outputs + o];
                for (int d = 0; d < inputs; d++)
                    sum += samples[n * inputs + d] * weights[d * outputs + o];
                result[n * outputs + o] = (float)sum;
            }
        }
        return result;
    }

    /// <summary>1 − residual / total sum of squares over all outputs; 1 is perfect, 0 no better than the mean.</summary>
    public static double RSquared(ReadOnlySpan<float> read, ReadOnlySpan<float> truth, int outputs)
    {
        double residual = 0, total = 0;
        for (int o = 0; o < outputs; o++)
        {
            double mean = 0;
            int count = truth.Length / outputs;
            for (int n = 0; n < count; n++)
                mean += truth[n * outputs + o] / (double)count;
            for (int n = 0; n < count; n++)
            {
                double error = read[n * outputs + o] - truth[n * outputs + o], spread = truth[n * outputs + o] - mean;
                residual += error * error;
                total += spread * spread;
            }
        }
        return 1 - residual / total;
    }

    private static double[] SolveCholesky(double[] a, int n, double[] b, int columns)
    {
        for (int j = 0; j < n; j++)
        {
            for (int i = j; i < n; i++)
            {
                double sum = a[i * n + j];
                for (int k = 0; k < j; k++)
                    sum -= a[i * n + k] * a[j * n + k];
                a[i * n + j] = i == j ? Math.Sqrt(Math.Max(sum, double.Epsilon)) : sum / a[j * n + j];
            }
        }
        for (int c = 0; c < columns; c++)
        {
            for (int i = 0; i < n; i++)
            {
                double sum = b[i * columns + c];
                for (int k = 0; k < i; k++)
                    sum -= a[i * n + k] * b[k * columns + c];
                b[i * columns + c] = sum / a[i * n + i];
            }
            for (int i = n - 1; i >= 0; i--)
            {
                double sum = b[i * columns + c];
                for (int k = i + 1; k < n; k++)
                    sum -= a[k * n + i] * b[k * columns + c];
                b[i * columns + c] = sum / a[i * n + i];
            }
        }
        return b;
    }
}
