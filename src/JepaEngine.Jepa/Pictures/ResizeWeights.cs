namespace JepaEngine.Jepa.Pictures;

/// <summary>What each output of one axis takes of its inputs, in fixed point: PyTorch's int16 weights for uint8
/// (aten/native/cpu/UpSampleKernel.cpp), which follow Pillow's filter but keep 15 bits of the largest weight.</summary>
internal sealed class ResizeWeights
{
    private readonly int first, stride;
    private readonly int[] starts, counts;
    private readonly short[] weights;

    /// <summary>The weights from one length to another.</summary>
    /// <param name="input">Length of the input.</param>
    /// <param name="output">Length of the output.</param>
    /// <param name="first">First output that is wanted.</param>
    /// <param name="length">Number of outputs that are wanted.</param>
    /// <param name="filter">The kernel.</param>
    public ResizeWeights(int input, int output, int first, int length, ResizeFilter filter)
    {
        this.first = first;
        double scale = (double)input / output, stretch = Math.Max(scale, 1);
        double support = (filter == ResizeFilter.Bilinear ? 1 : 2) * stretch;
        stride = Math.Min((int)Math.Ceiling(support) * 2 + 1, input);
        starts = new int[length];
        counts = new int[length];
        weights = new short[length * stride];
        // The largest weight of all outputs, wanted or not, decides the precision.
        double largest = 0;
        for (int i = 0; i < output; i++)
            largest = Math.Max(largest, Span(i).Largest);
        while (Precision < 22 && (int)(0.5 + largest * (1 << (Precision + 1))) < 1 << 15)
            Precision++;
        for (int i = 0; i < length; i++)
        {
            (starts[i], counts[i], double total, _) = Span(first + i);
            for (int j = 0; j < counts[i]; j++)
            {
                double weight = At(first + i, starts[i] + j) / total * (1 << Precision);
                weights[i * stride + j] = (short)(weight + (weight < 0 ? -0.5 : 0.5));
            }
        }

        double At(int i, int x) => Kernel((x - scale * (i + 0.5) + 0.5) * (1 / stretch), filter);

        (int Start, int Count, double Total, double Largest) Span(int i)
        {
            // Both ends round toward zero, as a cast does there.
            double centre = scale * (i + 0.5), total = 0, most = 0;
            int start = Math.Max((int)(centre - support + 0.5), 0);
            int count = Math.Clamp(Math.Min((int)(centre + support + 0.5), input) - start, 0, stride);
            for (int x = start; x < start + count; x++)
            {
                total += At(i, x);
                most = Math.Max(most, At(i, x));
            }
            return (start, count, total, most / total);
        }
    }

    /// <summary>Bits after the point; at most 22, so that the sum of 255 times each weight stays within 31.</summary>
    public int Precision { get; }

    /// <summary>First input of an output.</summary>
    public int Start(int output) => starts[output - first];

    /// <summary>The weights of the inputs from <see cref="Start"/> on.</summary>
    public ReadOnlySpan<short> Of(int output) => weights.AsSpan((output - first) * stride, counts[output - first]);

    private static double Kernel(double x, ResizeFilter filter)
    {
        // Keys' cubic convolution (1981) with a = −1/2, as in Pillow.
        const double A = -0.5;
        x = Math.Abs(x);
        if (filter == ResizeFilter.Bilinear)
            return x < 1 ? 1 - x : 0;
        if (x < 1)
            return ((A + 2) * x - (A + 3)) * x * x + 1;
        return x < 2 ? (((x - 5) * x + 8) * x - 4) * A : 0;
    }
}
