using JepaEngine.Autograd;
using JepaEngine.Nn;
using JepaEngine.Ops;
using JepaEngine.Optim;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Tests.Optim;

public class AdamWTests
{
    public static TheoryData<Device> Devices => TestDevices.All;

    [Theory]
    [InlineData(double.PositiveInfinity, 0, 0.9, 1)]
    [InlineData(1e39, 0, 0.9, 1)]
    [InlineData(1e-3, double.NaN, 0.9, 1)]
    [InlineData(1e-3, 0, double.NaN, 1)]
    [InlineData(1e-3, 0, 0.9, double.NaN)]
    [InlineData(1e-3, 0, 0.9, 0)]
    public void Numbers_that_would_ruin_every_parameter_move_none(double rate, double decay, double average, double clip)
    {
        using var vector = new Vector("parameter", 23);
        vector.Allocate(Device.Cpu);
        double[] before = vector.Value.ToArray<double>();
        using var optimizer = new AdamW(vector) { LearningRate = rate, WeightDecay = decay, AverageDecay = average, ClipNorm = clip };
        Backward(vector, Enumerable.Repeat(1.0, 23).ToArray());
        Assert.StartsWith("AdamW: ", Assert.Throws<ArgumentException>(() => optimizer.Step()).Message);
        Assert.Equal(before, vector.Value.ToArray<double>());
        Assert.Equal(0, optimizer.Steps);
    }

    [Theory, MemberData(nameof(Devices))]
    public void Three_clipped_steps_are_PyTorchs(Device device)
    {
        using var golden = new Golden("adamw");
        using var vector = new Vector("parameter", 23);
        vector.Allocate(device);
        golden.File.ReadInto("parameter", vector.Value);
        var config = golden.Config;
        using var optimizer = new AdamW(vector)
        {
            Beta1 = config.GetProperty("beta1").GetDouble(),
            Beta2 = config.GetProperty("beta2").GetDouble(),
            Epsilon = config.GetProperty("eps").GetDouble(),
            WeightDecay = config.GetProperty("weight_decay").GetDouble(),
            ClipNorm = config.GetProperty("max_norm").GetDouble(),
        };
        double[] rates = golden["lr"], norms = golden["norms"];
        double tolerance = device.Compute == DType.F64 ? 1e-12 : 2e-6;
        for (int step = 0; step < 3; step++)
        {
            ReadOnlySpan<double> Row(string key) => golden[key].AsSpan(step * 23, 23);
            Backward(vector, Row("gradients"));
            optimizer.LearningRate = rates[step];
            StepResult result = optimizer.Step();
            Assert.True(result.Applied);
            Assert.Equal(1, result.GradientNorm / norms[step], tolerance);
            Golden.Close("parameter", Row("parameters"), vector.Value, tolerance);
            Golden.Close("moment1", Row("moments1"), optimizer.Moment1, tolerance);
            Golden.Close("moment2", Row("moments2"), optimizer.Moment2, tolerance);
        }
        Assert.Equal(3, optimizer.Steps);
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void A_gradient_that_is_not_finite_moves_nothing(double bad)
    {
        using var vector = new Vector("parameter", 3);
        vector.Allocate(Device.Reference);
        using var optimizer = new AdamW(vector);
        double[] before = vector.Value.ToArray<double>();
        Backward(vector, [1, bad, 1]);
        StepResult result = optimizer.Step();
        Assert.False(result.Applied || double.IsFinite(result.GradientNorm));
        Assert.Equal(before, vector.Value.ToArray<double>());
        Assert.Equal(0, optimizer.Steps);
        Assert.Equal(new double[3], optimizer.Moment1.ToArray<double>());
        // The bad gradient is gone: the next step starts from a clean one.
        Backward(vector, [3, 0, 4]);
        Assert.Equal(new StepResult(5, true), optimizer.Step());
    }

    [Fact]
    public void A_parameter_that_nothing_reached_only_decays()
    {
        using var pair = new Pair();
        pair.Allocate(Device.Reference);
        using var optimizer = new AdamW(pair) { LearningRate = 0.5, WeightDecay = 0.5, ClipNorm = 1 };
        for (int i = 0; i < 2; i++)
        {
            pair.Idle.Value.CopyFrom<double>([8, 16]);
            // After a step that did reach it, too: the old gradient must not come back.
            Backward(pair.Used, [1, 2]);
            optimizer.Step();
            Assert.Equal([6, 12], pair.Idle.Value.ToArray<double>());
        }
    }

    /// <summary>
    /// Used has its own rate and no decay, Idle is in no group; each is what an optimiser of its own makes of it.
    /// </summary>
    [Theory, MemberData(nameof(Devices))]
    public void A_group_moves_by_its_own_numbers(Device device)
    {
        using var pair = new Pair();
        pair.Allocate(device);
        pair.Idle.Value.CopyFrom<double>([8, 16]);
        pair.Used.Value.CopyFrom<double>([8, 16]);
        var group = new ParameterGroup((name, _) => name == "used.p", 0.5, WeightDecayScale: 0);
        using var optimizer = new AdamW(pair, group)
        {
            LearningRate = 0.5, WeightDecay = 0.5,
        };
        Backward(pair.Used, [1, -2]);
        optimizer.Step();
        // The first step of AdamW is the rate times the gradient's sign.
        Golden.Close("used", [7.75, 16.25], pair.Used.Value, 1e-6);
        Golden.Close("idle", [6, 12], pair.Idle.Value, 1e-6);
    }

    [Fact]
    public void Gradients_from_before_the_optimiser_do_not_count_nor_catch_later_ones()
    {
        using var vector = new Vector("parameter", 2);
        vector.Allocate(Device.Reference);
        using var tape = new Tape(Device.Reference);
        tape.Backward(tape.Use(vector.Value).Sum());
        using var optimizer = new AdamW(vector);
        Backward(vector, [3, 4]);
        Assert.Equal(5, optimizer.Step().GradientNorm);
    }

    [Fact]
    public void Part_of_a_model_is_refused()
    {
        using var pair = new Pair();
        Assert.Contains("call Allocate(device, seed) first", Assert.Throws<InvalidOperationException>(() => new AdamW(pair)).Message);
        pair.Allocate(Device.Reference);
        Assert.Contains("is already on reference (F64)", Assert.Throws<InvalidOperationException>(() => pair.Allocate(Device.Reference)).Message);
        Assert.Throws<InvalidOperationException>(() => new AdamW(pair.Used));
    }

    private static void Backward(Vector vector, ReadOnlySpan<double> gradient)
    {
        using var tape = new Tape(vector.Value.Device);
        tape.Backward((tape.Use(vector.Value) * tape.From(gradient, [gradient.Length])).Sum());
    }

    private sealed class Vector : Module
    {
        private readonly Parameter parameter;

        public Vector(string name, int length) => parameter = Trained(name, [length], new Init.Normal(1));

        public Tensor Value => parameter;
    }

    private sealed class Pair : Module
    {
        public Pair()
        {
            Idle = Child("idle", new Vector("p", 2));
            Used = Child("used", new Vector("p", 2));
        }

        public Vector Idle { get; }

        public Vector Used { get; }
    }
}
