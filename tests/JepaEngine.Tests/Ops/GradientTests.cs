using JepaEngine.Autograd;
using JepaEngine.Memory;
using JepaEngine.Ops;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Tests.Ops;

/// <summary>The recorded gradient of every operation of the table against finite differences, both in double precision.</summary>
public sealed class GradientTests
{
    private const ulong Seed = 20251108;
    private const double Step = 1e-5, Tolerance = 1e-6;
    private const int Directions = 3;

    public static TheoryData<string> Operations() => [.. OpTable.All.Select(op => op.Name)];

    [Theory]
    [MemberData(nameof(Operations))]
    public void Gradient_is_the_slope(string operation)
    {
        // What is large is there for the threads; its slopes are those of the small.
        foreach (OpSample sample in OpTable.Find(operation).Samples.Where(sample => sample.Inputs.Sum(input => input.Shape.Count) < 50_000))
            for (int i = 0; i < sample.Inputs.Count; i++)
                if (sample.Inputs[i].HasGrad && sample.Inputs[i].Shape.Count > 0)
                    CheckInput(operation, sample, i);
    }

    /// <summary>
    /// With φ(x) = Σ dy · y(x): the slope of φ in a random direction d is Σ dx · d. Differences of φ err by its rounding, some
    /// ε Σ|dy · y| / step; four points make the curvature's part, step⁴ times the fifth derivative, smaller than that even where two rows
    /// nearly coincide in a BatchNorm.
    /// </summary>
    private static void CheckInput(string operation, OpSample sample, int index)
    {
        OpInput input = sample.Inputs[index];
        double[][] values = sample.Draw(Seed);
        double[] grad = Gradient(sample, values, index);
        for (int n = 0; n < Directions; n++)
        {
            double[] direction = new OpInput("d", input.Shape).Draw(new PhiloxKey(Seed, 1000 + (ulong)n));
            (double left, double rounding) = Value(sample, Moved(values, index, direction, -Step));
            double right = Value(sample, Moved(values, index, direction, Step)).Sum;
            double farLeft = Value(sample, Moved(values, index, direction, -2 * Step)).Sum;
            double farRight = Value(sample, Moved(values, index, direction, 2 * Step)).Sum;
            double slope = (8 * (right - left) - (farRight - farLeft)) / (12 * Step), expected = Dot(grad, direction);
            double typical = Math.Sqrt(Dot(grad, grad) * Dot(direction, direction) / grad.Length);
            double allowed = Tolerance * Math.Max(typical, Math.Abs(expected)) + 8 * 2.2e-16 * rounding / Step;
            Assert.True(Math.Abs(slope - expected) <= allowed,
                $"{operation} ({sample.Name}) d{input.Name}: recorded slope {expected:G9}, measured {slope:G9} ± {allowed:E1}");
        }
    }

    private static double[] Gradient(OpSample sample, double[][] values, int index)
    {
        using var scope = new TensorScope(Device.Reference);
        Tensor[] leaves = sample.Place(scope, values);
        leaves[index].RequiresGrad = true;
        using var tape = new Tape(Device.Reference);
        Tensor y = sample.Call(tape, [.. leaves.Select(tape.Use)]);
        tape.Backward(y, Upstream(tape, y.Shape));
        Assert.NotNull(leaves[index].Grad);
        return leaves[index].Grad!.ToArray<double>();
    }

    private static (double Sum, double Magnitude) Value(OpSample sample, double[][] values)
    {
        using var scope = new TensorScope(Device.Reference);
        Tensor[] inputs = sample.Place(scope, values);
        Tensor y = sample.Call(scope, inputs);
        double[] products = [.. y.ToArray<double>().Zip(Upstream(scope, y.Shape).ToArray<double>(), (a, b) => a * b)];
        return (products.Sum(), products.Sum(Math.Abs));
    }

    private static Tensor Upstream(TensorScope scope, Shape shape)
    {
        var upstream = new OpInput("dy", shape);
        return upstream.Place(scope, upstream.Draw(new PhiloxKey(Seed, 999)));
    }

    private static double[][] Moved(double[][] values, int index, double[] direction, double step)
    {
        double[][] moved = [.. values];
        moved[index] = [.. values[index].Zip(direction, (x, d) => x + step * d)];
        return moved;
    }

    private static double Dot(double[] a, double[] b) => a.Zip(b, (x, y) => x * y).Sum();
}
