using JepaEngine.Autograd;
using JepaEngine.Devices;
using JepaEngine.Tensors;

namespace JepaEngine.Ops;

/// <summary>How well one tensor that an operation wrote agrees with the oracle.</summary>
/// <param name="Operation">The operation.</param>
/// <param name="Sample">How it was called.</param>
/// <param name="Output">"y", "d" and an input's name for its gradient, or an input's name for what the operation left in it.</param>
/// <param name="Shape">Its lengths.</param>
/// <param name="DType">What the device stores it in.</param>
/// <param name="Error">
/// The largest absolute error, relative to the largest number of the oracle's tensor (where that is all 0, to 10); infinite where shapes
/// or NaNs differ.
/// </param>
/// <param name="Allowed">Twice the same of the straightforward implementation, plus the operation's floor.</param>
/// <param name="BadIndex">Row-major number of the first element that exceeds what is allowed; −1 where none does.</param>
public sealed record ParityResult(string Operation, string Sample, string Output, Shape Shape, DType DType, double Error, double Allowed, long BadIndex)
{
    /// <summary>Whether all elements agree.</summary>
    public bool Passed => BadIndex < 0;

    /// <summary>As <c>LayerNorm (one row) dx: error 1.2E-007, allowed 3.0E-007</c>.</summary>
    public override string ToString() => $"{Operation} ({Sample}) {Output}: error {Error:E1}, allowed {Allowed:E1}"
        + (Passed ? "" : $", first at element {BadIndex}");
}

/// <summary>
/// Compares a device with the double-precision oracle: outputs, gradients, and what an operation leaves in its inputs. The error of
/// each tensor may be twice that of a straightforward implementation at the same precision
/// (<see cref="Device.Straightforward"/>), plus a small floor.
/// </summary>
public static class Parity
{
    /// <summary>All samples of an operation on a device.</summary>
    public static IReadOnlyList<ParityResult> Check(OpCase op, Device device) =>
        [.. op.Samples.SelectMany(sample => Check(op, sample, device))];

    /// <summary>One sample of an operation on a device.</summary>
    public static IReadOnlyList<ParityResult> Check(OpCase op, OpSample sample, Device device)
    {
        DType precision = device.Compute;
        List<Output> exact = Run(sample, Device.Reference, precision), plain = Run(sample, device.Straightforward, precision);
        List<Output> actual = Run(sample, device, precision);
        return [.. exact.Select((output, i) => Judge(op, sample.Name, output, plain[i], actual[i]))];
    }

    /// <summary>
    /// An output against the exact one; what is allowed follows from how far a straightforward one is off.
    /// </summary>
    internal static ParityResult Judge(OpCase op, string sample, Output exact, Output plain, Output actual) =>
        Judge(op, sample, exact, actual, 2 * Compare(exact, plain, double.PositiveInfinity).Error + op.Floor
            + (actual.DType == DType.BF16 ? op.RoundedFloor : 0));

    /// <summary>An output against the exact one, with what is allowed relative to its largest number.</summary>
    internal static ParityResult Judge(OpCase op, string sample, Output exact, Output actual, double allowed)
    {
        (double error, long bad) = Compare(exact, actual, allowed);
        return new ParityResult(op.Name, sample, exact.Name, exact.Shape, actual.DType, error, allowed, bad);
    }

    /// <summary>A tensor that an operation wrote.</summary>
    internal sealed record Output(string Name, Shape Shape, DType DType, double[] Values);

    /// <summary>
    /// Everything a sample writes on a device. The operation is called twice on the same inputs and the gradient is that of both results,
    /// so that each gradient is first written and then added to.
    /// </summary>
    internal static List<Output> Run(OpSample sample, Device device, DType precision = DType.F32)
    {
        const ulong seed = 20251108;
        using var scope = new TensorScope(device, sample.Name);
        Tensor[] leaves = sample.Place(scope, sample.Draw(seed, precision));
        for (int i = 0; i < leaves.Length; i++)
            leaves[i].RequiresGrad = sample.Inputs[i].HasGrad;
        using var tape = new Tape(device);
        Tensor[] inputs = [.. leaves.Select(tape.Use)];
        Tensor first = sample.Call(tape, inputs);
        var outputs = new List<Output> { Read("y", first) };
        if (first.RequiresGrad)
        {
            Tensor both = TensorOps.Concat(0, first.Reshape(-1), sample.Call(tape, inputs).Reshape(-1));
            var upstream = new OpInput("dy", both.Shape);
            double[] dy = upstream.Draw(new PhiloxKey(seed, ulong.MaxValue), precision);
            tape.Backward(both, (upstream with { IsStatistic = both.DType != device.Compute }).Place(tape, dy));
        }
        for (int i = 0; i < leaves.Length; i++)
        {
            string name = sample.Inputs[i].Name;
            outputs.Add(Read(name, leaves[i]));
            if (sample.Inputs[i].HasGrad)
                outputs.Add(Read("d" + name, leaves[i].Grad
                    ?? throw new InvalidOperationException($"{sample.Name} on {device} left no gradient in {name}")));
        }
        return outputs;
    }

    private static Output Read(string name, Tensor tensor) => new(name, tensor.Shape, tensor.DType, tensor.ToArray<double>());

    private static (double Error, long Bad) Compare(Output exact, Output actual, double allowed)
    {
        if (exact.Shape != actual.Shape || exact.Values.Length != actual.Values.Length)
            return (double.PositiveInfinity, 0);
        double largest = exact.Values.Where(double.IsFinite).Select(Math.Abs).DefaultIfEmpty(0).Max(), worst = 0;
        // Inputs are of the order of 1, so an oracle below this is the rounding of what is truly 0. There terms of the order of 10 cancel
        // (as in dq of attention to a single key), and which order of summation leaves exactly 0 is luck.
        double scale = largest > 1e-9 ? largest : 10;
        long bad = -1;
        for (int i = 0; i < exact.Values.Length; i++)
        {
            double difference = Math.Abs(actual.Values[i] - exact.Values[i]);
            double error = exact.Values[i].Equals(actual.Values[i]) ? 0
                : double.IsFinite(difference) ? difference / scale
                : double.PositiveInfinity;
            worst = Math.Max(worst, error);
            if (error > allowed && bad < 0)
                bad = i;
        }
        return (worst, bad);
    }
}
