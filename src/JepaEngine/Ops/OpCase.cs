using JepaEngine.Devices;
using JepaEngine.Tensors;

namespace JepaEngine.Ops;

/// <summary>What the numbers of an input are.</summary>
public enum OpInputKind
{
    /// <summary>Standard normal.</summary>
    Normal,
    /// <summary>1/2 and more: divisors, variances, what a root is taken of.</summary>
    Positive,
    /// <summary>I32 indices below <see cref="OpInput.Bound"/>.</summary>
    Ids,
    /// <summary>U8 from 0 to 255.</summary>
    Pixels,
}

/// <summary>How the elements of an input lie in memory.</summary>
public enum OpInputLayout
{
    /// <summary>Row-major without gaps.</summary>
    Contiguous,
    /// <summary>A slice: each row of the last dimension lies in a longer one.</summary>
    Gapped,
    /// <summary>The last two dimensions are exchanged.</summary>
    Transposed,
    /// <summary>Row-major without gaps, but one element into its memory: aligned to an element only, as a weight that lies in a mapped file.</summary>
    Shifted,
}

/// <summary>An input of a sample.</summary>
/// <param name="Name">As the operation calls it.</param>
/// <param name="Shape">Its lengths.</param>
/// <param name="Kind">What its numbers are.</param>
/// <param name="Layout">How they lie.</param>
public sealed record OpInput(
    string Name, Shape Shape, OpInputKind Kind = OpInputKind.Normal, OpInputLayout Layout = OpInputLayout.Contiguous)
{
    /// <summary>Whether the operation has a gradient with respect to it.</summary>
    public bool HasGrad { get; init; } = Kind is OpInputKind.Normal or OpInputKind.Positive;

    /// <summary>Whether the device keeps it in the dtype of statistics: a running mean, an optimiser's moment.</summary>
    public bool IsStatistic { get; init; }

    /// <summary>Ids are below it.</summary>
    public int Bound { get; init; }

    /// <summary>The input's numbers for a key: values that <paramref name="precision"/> holds, so that every device starts from the same ones.</summary>
    public double[] Draw(PhiloxKey key, DType precision = DType.F32)
    {
        double[] values = new double[Shape.Count];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = Kind switch
            {
                OpInputKind.Normal => (float)Philox.Normal(key, (ulong)i),
                OpInputKind.Positive => 0.5f + (float)Math.Abs(Philox.Normal(key, (ulong)i)),
                OpInputKind.Ids => Math.Floor(Bound * (double)Philox.Uniform(key, (ulong)i)),
                _ => Math.Floor(256.0 * Philox.Uniform(key, (ulong)i)),
            };
            if (precision == DType.BF16 && !IsStatistic && Kind is OpInputKind.Normal or OpInputKind.Positive)
                values[i] = (float)(BFloat16)(float)values[i];
        }
        return values;
    }

    /// <summary>A tensor of the input's dtype and layout with these numbers.</summary>
    public Tensor Place(TensorScope scope, ReadOnlySpan<double> values)
    {
        DType dtype = Kind switch
        {
            OpInputKind.Ids => DType.I32,
            OpInputKind.Pixels => DType.U8,
            _ => IsStatistic ? scope.Device.Statistics : scope.Device.Compute,
        };
        Tensor result;
        switch (Layout)
        {
            case OpInputLayout.Gapped:
                Tensor wide = scope.Empty(Shape.With(-1, Shape[^1] + 3), dtype);
                // What lies between the rows must not be read; where it is, the result is not a number.
                wide.Backend.Fill(wide.Operand, dtype == DType.U8 ? 255 : double.NaN);
                result = wide.Slice(-1, 1, Shape[^1]);
                break;
            case OpInputLayout.Transposed:
                result = scope.Empty(Shape.With(-1, Shape[^2]).With(-2, Shape[^1]), dtype).Transpose(-1, -2);
                break;
            case OpInputLayout.Shifted:
                result = scope.Empty([checked((int)Shape.Count) + 1], dtype).Slice(0, 1, (int)Shape.Count).Reshape(Shape.ToArray());
                break;
            default:
                result = scope.Empty(Shape, dtype);
                break;
        }
        result.CopyFrom(values);
        return result;
    }
}

/// <summary>Calls an operation; what it makes without inputs it makes in <paramref name="scope"/>.</summary>
public delegate Tensor OpCall(TensorScope scope, Tensor[] inputs);

/// <summary>One way to call an operation: its inputs and its options.</summary>
/// <param name="Name">What is special about it, as "one row".</param>
/// <param name="Inputs">What it is called with.</param>
/// <param name="Call">The call.</param>
public sealed record OpSample(string Name, IReadOnlyList<OpInput> Inputs, OpCall Call)
{
    /// <summary>The shapes of the inputs.</summary>
    public Shape[] Shapes => [.. Inputs.Select(input => input.Shape)];

    /// <summary>The numbers of all inputs for a seed.</summary>
    public double[][] Draw(ulong seed, DType precision = DType.F32) => [.. Inputs.Select((input, i) => input.Draw(new PhiloxKey(seed, (ulong)i), precision))];

    /// <summary>The inputs as tensors with these numbers.</summary>
    public Tensor[] Place(TensorScope scope, double[][] values) => [.. Inputs.Select((input, i) => input.Place(scope, values[i]))];

    /// <inheritdoc/>
    public override string ToString() => Name;
}

/// <summary>
/// An operation as the table knows it: the samples that parity, gradient checks and benchmarks run, and what it costs.
/// </summary>
/// <param name="Name">The operation.</param>
/// <param name="Flops">Floating-point operations of the forward call for the inputs' shapes; a multiply-add is two, a function one.</param>
/// <param name="Samples">Ways to call it; the first is the plain one.</param>
public sealed record OpCase(string Name, Func<Shape[], double> Flops, IReadOnlyList<OpSample> Samples)
{
    /// <summary>
    /// What parity allows whatever the straightforward implementation's error is, since that is exact now and then by luck: relative to the
    /// largest number of the tensor; by default two units in its last place.
    /// </summary>
    public double Floor { get; init; } = 1.0 / (1 << 22);

    /// <summary>
    /// What parity allows besides in bf16, relative to the largest number of the tensor: for operations whose fast form must round on the way what plain
    /// loops keep in f32. 0 for most.
    /// </summary>
    public double RoundedFloor { get; init; }

    /// <summary>The methods and operators of <see cref="TensorOps"/> it covers; by default the one of its name.</summary>
    public IReadOnlyList<string> Members { get; init; } = [Name];

    /// <summary>Bytes that a call has to move: every input read once, the output written once.</summary>
    public static double Bytes(IEnumerable<Tensor> inputs, Tensor output) =>
        inputs.Append(output).Sum(tensor => (double)tensor.Shape.Count * tensor.DType.Size());

    /// <inheritdoc/>
    public override string ToString() => Name;
}
