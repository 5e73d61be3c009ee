using JepaEngine.Autograd;
using JepaEngine.Backends;
using JepaEngine.Nn;
using JepaEngine.Ops;
using JepaEngine.Optim;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Tests.Autograd;

/// <summary>What a user writes who needs a module and a loss of their own: VICReg (arXiv 2105.04906) over a small MLP.</summary>
public class UserLossTests
{
    [Fact]
    public void Its_gradient_is_the_difference_quotient()
    {
        using var model = new Embedder(5, 8, 4);
        model.Allocate(Device.Reference, seed: 1);
        // Without an optimiser the gradients lie on the tape, so it stays open.
        using var tape = new Tape(Device.Reference);
        tape.Backward(Loss(model, tape));
        double[][] gradients = [.. model.Parameters().Select(p => p.Parameter.Value.Grad!.ToArray<double>())];
        double largest = gradients.Max(g => g.Max(Math.Abs));
        const double Step = 1e-6;
        foreach (((string name, Parameter parameter), double[] gradient) in model.Parameters().Zip(gradients))
        {
            double[] values = parameter.Value.ToArray<double>();
            for (int i = 0; i < values.Length; i++)
            {
                double At(double value)
                {
                    double[] moved = [.. values];
                    moved[i] = value;
                    parameter.Value.CopyFrom<double>(moved);
                    using var scope = new Tape(Device.Reference);
                    return Loss(model, scope).Item();
                }
                double quotient = (At(values[i] + Step) - At(values[i] - Step)) / (2 * Step);
                Assert.True(Math.Abs(quotient - gradient[i]) < 1e-7 * largest, $"{name}[{i}] is {gradient[i]}, the quotient {quotient}");
            }
            parameter.Value.CopyFrom<double>(values);
        }
    }

    [Theory, MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public void It_trains(Device device)
    {
        using var model = new Embedder(5, 8, 4);
        model.Allocate(device, seed: 1);
        using var optimizer = new AdamW(model) { LearningRate = 1e-2 };
        double first = 0, last = 0;
        for (int step = 0; step < 100; step++)
        {
            using var tape = new Tape(device);
            Tensor loss = Loss(model, tape);
            tape.Backward(loss);
            optimizer.Step();
            last = loss.Item();
            first = step == 0 ? last : first;
        }
        Assert.True(last < 0.5 * first, $"from {first} to {last}");
    }

    private static Tensor Loss(Embedder model, Tape tape)
    {
        Tensor view = tape.RandomNormal([12, 5], new PhiloxKey(1));
        Tensor other = view + tape.RandomNormal([12, 5], new PhiloxKey(2), std: 0.3);
        return VicReg(model.Forward(view), model.Forward(other));
    }

    /// <summary>25 · invariance + 25 · variance + covariance, with γ = 1.</summary>
    private static Tensor VicReg(Tensor a, Tensor b) => a.MeanSquaredError(b) * 25.0 + (Spread(a) + Spread(b)) * 12.5 + Correlation(a) + Correlation(b);

    private static Tensor Spread(Tensor z) => (-((Centred(z).Square().Sum([0]) / (z.Shape[0] - 1) + 1e-4).Sqrt() - 1)).Relu().Mean();

    private static Tensor Correlation(Tensor z)
    {
        Tensor centred = Centred(z);
        Tensor covariance = centred.Transpose(0, 1).MatMul(centred) / (z.Shape[0] - 1);
        Tensor variances = centred.Square().Sum([0]) / (z.Shape[0] - 1);
        return (covariance.Square().Sum() - variances.Square().Sum()) / z.Shape[1];
    }

    private static Tensor Centred(Tensor z) => z - z.Mean([0], keep: true);

    private sealed class Embedder : Module
    {
        private readonly Linear first, second;
        private readonly Parameter scale;

        public Embedder(int inputs, int hidden, int outputs)
        {
            first = Child("first", new Linear(inputs, hidden));
            second = Child("second", new Linear(hidden, outputs));
            scale = Trained("scale", [outputs], new Init.Constant(0.5));
        }

        public Tensor Forward(Tensor x) => second.Forward(first.Forward(x, Activation.Gelu)) * scale;
    }
}
