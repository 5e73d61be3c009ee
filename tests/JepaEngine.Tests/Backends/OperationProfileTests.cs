using JepaEngine.Autograd;
using JepaEngine.Backends;
using JepaEngine.Backends.Profiling;
using JepaEngine.Memory;
using JepaEngine.Nn;
using JepaEngine.Ops;
using JepaEngine.Optim;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Tests.Backends;

/// <summary>A profile takes the place of a device's backend: this device is no other test's.</summary>
public sealed class OperationProfileTests
{
    private static readonly Device Cpu = new(DeviceKind.Cpu, DType.F32, threads: 2);

    /// <summary>Those that the table counts something of.</summary>
    public static TheoryData<string> Operations => [.. OpTable.All.Where(op => op.Flops(op.Samples[0].Shapes) > 0).Select(op => op.Name)];

    [Fact]
    public void AnMlpIsTwoProductsThatCostWhatTheirOperandsSay()
    {
        using var scope = new TensorScope(Cpu);
        Tensor x = Normal(scope, 5, 24), weight1 = Normal(scope, 50, 24), bias1 = Normal(scope, 50), weight2 = Normal(scope, 7, 50), bias2 = Normal(scope, 7);
        using var profile = new OperationProfile(Cpu);
        for (int i = 0; i < 3; i++)
            x.Mlp(weight1, bias1, weight2, bias2);
        ProfiledOperation[] rows = [.. profile.Read().OrderByDescending(row => row.Flops)];
        Assert.Equal([("MatMul", "5x50x24 NT gelu", 3L), ("MatMul", "5x7x50 NT", 3L)], rows.Select(row => (row.Name, row.Shape, row.Calls)));
        Assert.Equal([3 * 2.0 * 5 * 50 * 24, 3 * 2.0 * 5 * 7 * 50], rows.Select(row => row.Flops));
        Assert.Equal([3 * 4.0 * (5 * 24 + 50 * 24 + 50 + 5 * 50), 3 * 4.0 * (5 * 50 + 7 * 50 + 7 + 5 * 7)], rows.Select(row => row.Bytes));
        Assert.All(rows, row => Assert.True(row.Milliseconds > 0 && row.Kernels.Count == 0));
    }

    [Theory]
    [MemberData(nameof(Operations))]
    public void ItCountsAsTheTableOfOperationsDoes(string name)
    {
        OpCase op = OpTable.Find(name);
        OpSample sample = op.Samples[0];
        using var scope = new TensorScope(Cpu);
        Tensor[] inputs = sample.Place(scope, sample.Draw(1));
        using var profile = new OperationProfile(Cpu);
        sample.Call(scope, inputs);
        // A sample may scale its inputs first.
        Assert.InRange(profile.Read().Sum(row => row.Flops), op.Flops(sample.Shapes), 1.01 * op.Flops(sample.Shapes));
    }

    /// <summary>Tokens in blocks of 4: 3 queries at the end of 10 keys see 8, 10 and 10 of them.</summary>
    [Fact]
    public void AttentionCountsWhatIsSeen()
    {
        using var scope = new TensorScope(Cpu);
        Tensor q = Normal(scope, 2, 3, 5, 8), k = Normal(scope, 2, 10, 5, 8);
        using var profile = new OperationProfile(Cpu);
        q.Attention(k, k, causalBlock: 4);
        ProfiledOperation row = Assert.Single(profile.Read());
        Assert.Equal(("2x5x3x10x8 causal", 4.0 * 2 * 5 * 8 * (8 + 10 + 10)), (row.Shape, row.Flops));
    }

    [Fact]
    public void WhatIsRepeatedIsReadOnce()
    {
        using var scope = new TensorScope(Cpu);
        Tensor x = Normal(scope, 6, 10), row = Normal(scope, 10);
        using var profile = new OperationProfile(Cpu);
        _ = x + row;
        Assert.Equal(4 * (60 + 10 + 60), Assert.Single(profile.Read()).Bytes);
    }

    [Fact]
    public void TrainingUnderAProfileGivesTheSameBits()
    {
        float[] plain = Train();
        using var profile = new OperationProfile(Cpu);
        Assert.Equal(plain, Train());
        Assert.Equal(3, profile.Read().Where(row => row.Name == "AdamW").Sum(row => row.Calls));
        Assert.Contains(profile.Read(), row => row is { Name: "MatMul", Shape: "32x16x9 TN" });
        profile.Clear();
        Assert.Empty(profile.Read());
    }

    [Fact]
    public void OneAtATimeAndThenTheDeviceIsAsBefore()
    {
        Backend before = Cpu.Backend;
        using (new OperationProfile(Cpu))
            Assert.Contains("being profiled already", Assert.Throws<InvalidOperationException>(() => new OperationProfile(Cpu)).Message);
        Assert.Same(before, Cpu.Backend);
    }

    /// <summary>One that is not overridden would be done by the base class, unseen and perhaps otherwise than the device does it.</summary>
    [Fact]
    public void EveryOperationOfABackendIsSeen() =>
        Assert.Empty(typeof(ProfiledBackend).GetMethods().Where(method => method.IsVirtual && method.DeclaringType == typeof(Backend)).Select(method => method.Name));

    private static float[] Train()
    {
        using var mlp = new Mlp(16, 32);
        mlp.Allocate(Cpu, 3);
        using var optimizer = new AdamW(mlp) { LearningRate = 1e-2 };
        for (ulong step = 0; step < 3; step++)
        {
            using var tape = new Tape(Cpu);
            Tensor x = tape.RandomNormal([9, 16], new PhiloxKey(step));
            tape.Backward(mlp.Forward(x).Dropout(0.2, new PhiloxKey(step, 1)).MeanSquaredError(x));
            optimizer.Step();
        }
        return [.. mlp.Parameters().SelectMany(parameter => parameter.Parameter.Value.ToArray<float>())];
    }

    private static Tensor Normal(TensorScope scope, params ReadOnlySpan<int> shape) => scope.RandomNormal(new Shape(shape), new PhiloxKey(1));
}
