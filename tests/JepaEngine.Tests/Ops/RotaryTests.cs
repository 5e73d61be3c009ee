using JepaEngine.Autograd;
using JepaEngine.Memory;
using JepaEngine.Ops;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Tests.Ops;

/// <summary>
/// The two tables of V-JEPA against known numbers: frequencies 10000^(−j/n), j below n = E/2, for element i with j = i mod n (tiled, V-JEPA 2) or
/// j = ⌊i/2⌋ (interleaved, V-JEPA 2.1).
/// </summary>
public sealed class RotaryTests
{
    private static readonly double[] Tiled20 =
    [
        -0.063612, 0.083263, 0.041811, 0.224652, 0.226705, 0.307364, 0.345198, 0.40166, 0.449053, 0.500339,
        -0.629168, 0.732068, 0.257473, 0.8098, 0.687643, 0.822137, 0.839191, 0.904031, 0.948105, 1.000716,
    ];

    private static readonly double[] Interleaved20 =
    [
        -0.063612, -0.091943, -0.130847, 0.213024, 0.084943, 0.381162, 0.268485, 0.458711, 0.41108, 0.532459,
        0.531755, 0.616228, 0.641594, 0.707713, 0.746188, 0.803557, 0.848295, 0.901607, 0.949246, 1.000716,
    ];

    private static readonly double[] Tiled10 =
        [0.220151, 0.211628, 0.247531, 0.405892, 0.498105, -0.309265, -0.078185, 0.881384, 0.879918, 1.002834];

    private static readonly double[] Interleaved10 =
        [0.220151, -0.03916, -0.074198, 0.494464, 0.420903, 0.657906, 0.683938, 0.813774, 0.896841, 1.002834];

    [Theory, MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public void Known_numbers(Device device)
    {
        using var scope = new TensorScope(device);
        Check(Tiled20, 3, i => i % 10);
        Check(Interleaved20, 3, i => i / 2);
        Check(Tiled10, 5, i => i % 5);
        Check(Interleaved10, 5, i => i / 2);

        void Check(double[] expected, double position, Func<int, int> frequency)
        {
            int width = expected.Length;
            Tensor x = scope.From<double>([.. Enumerable.Range(1, width).Select(i => (double)i / width)], [1, 1, 1, width]);
            (Tensor cos, Tensor sin) = Tables(scope, width, position, frequency);
            double[] y = x.Rotary(cos, sin).ToArray<double>();
            // The known numbers have six digits.
            for (int i = 0; i < width; i++)
                Assert.Equal(expected[i], y[i], 1e-6);
        }
    }

    /// <summary>The gradient of y at x is the transpose; were it the inverse, a length would survive the way there and back.</summary>
    [Theory, MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public void The_way_back_is_the_inverse_for_equal_angles_only(Device device)
    {
        Assert.True(Difference(i => i / 2) < 1e-5);
        Assert.True(Difference(i => i % 32) > 0.1);

        double Difference(Func<int, int> frequency)
        {
            using var tape = new Tape(device);
            Tensor x = tape.RandomNormal([1, 1, 2, 64], new PhiloxKey(1));
            x.RequiresGrad = true;
            (Tensor cos, Tensor sin) = Tables(tape, 64, 7, frequency);
            Tensor y = x.Rotary(cos, sin);
            tape.Backward(y, y.Detach());
            return (x.Grad! - x.Detach()).Abs().Mean().Item();
        }
    }

    /// <summary>Attention with tables is Rotary on queries and on keys before it, to the last bit, and so are its gradients.</summary>
    [Theory, MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public void Attention_turns_as_a_pass_of_its_own_does(Device device)
    {
        double[][] inside = Run((x, cos, sin) => x[0].Attention(x[1], x[2], causalBlock: 4, cos, sin));
        double[][] before = Run((x, cos, sin) => x[0].Rotary(cos, sin).Attention(x[1].Rotary(cos, sin), x[2], causalBlock: 4));
        double[][] without = Run((x, _, _) => x[0].Attention(x[1], x[2], causalBlock: 4));
        for (int i = 0; i < before.Length; i++)
            Assert.Equal(before[i], inside[i]);
        Assert.NotEqual(before[0], without[0]);

        double[][] Run(Func<Tensor[], Tensor, Tensor, Tensor> attend)
        {
            using var tape = new Tape(device);
            Tensor[] x = [.. Enumerable.Range(1, 3).Select(i => tape.RandomNormal([2, 11, 3, 24], new PhiloxKey((ulong)i)))];
            foreach (Tensor input in x)
                input.RequiresGrad = true;
            Tensor y = attend(x, tape.RandomNormal([1, 11, 24], new PhiloxKey(4)), tape.RandomNormal([1, 11, 24], new PhiloxKey(5)));
            tape.Backward((y * tape.RandomNormal(y.Shape, new PhiloxKey(6))).Sum());
            return [y.ToArray<double>(), .. x.Select(input => input.Grad!.ToArray<double>())];
        }
    }

    [Fact]
    public void Tables_that_require_a_gradient_are_refused()
    {
        using var tape = new Tape(Device.Cpu);
        Tensor table = tape.Zeros([1, 2, 4]);
        table.RequiresGrad = true;
        string message = Assert.Throws<ArgumentException>(() => tape.Zeros([1, 2, 3, 4]).Rotary(table, tape.Zeros([1, 2, 4]))).Message;
        Assert.Contains("no gradient flows to the tables", message, StringComparison.Ordinal);
    }

    private static (Tensor Cos, Tensor Sin) Tables(TensorScope scope, int width, double position, Func<int, int> frequency)
    {
        double[] angles = [.. Enumerable.Range(0, width).Select(i => position * Math.Pow(10000, -2.0 * frequency(i) / width))];
        return (scope.From<double>([.. angles.Select(Math.Cos)], [1, 1, width]), scope.From<double>([.. angles.Select(Math.Sin)], [1, 1, width]));
    }
}
