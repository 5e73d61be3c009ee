using BenchmarkDotNet.Attributes;
using JepaEngine.Autograd;
using JepaEngine.Backends;
using JepaEngine.Benchmarks.Harness;
using JepaEngine.Jepa.Inference;
using JepaEngine.Jepa.Models;
using JepaEngine.Memory;
using JepaEngine.Ops;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Benchmarks;

/// <summary>What a call costs beside its arithmetic, of which there is next to none here.</summary>
[Runs(threads: 1)]
public class Api : Family
{
    private const int Numbers = 16, Batch = 4, Side = 32;

    private static readonly JepaConfig Tiny = new()
    {
        Family = IJepa.Family, Encoder = new VitSize(48, 2, 2, 96), ImageSize = Side, Frames = 1, Tubelet = 1, TargetWidth = 48,
    };

    private readonly byte[] pixels = new byte[3 * Side * Side];
    private Tensor a = null!, b = null!, x = null!, weight = null!;
    private JepaModel model = null!;
    private JepaSession session = null!;

    protected override void Prepare()
    {
        Tensor Random(params ReadOnlySpan<int> shape) => Memory.RandomUniform(new Shape(shape), new PhiloxKey(1), -1, 1);
        (a, b, x, weight) = (Random(Numbers), Random(Numbers), Random(Batch, Numbers), Random(Numbers, Numbers));
        weight.RequiresGrad = true;
        model = JepaModel.Create(Tiny);
        model.Allocate(Device, seed: 1);
        session = new JepaSession(model);
        new Random(1).NextBytes(pixels);
    }

    protected override void Release()
    {
        session.Dispose();
        model.Dispose();
    }

    [Benchmark, Work("call")]
    public Backend BackendFor() => Device.Backend;

    /// <summary>A scope, and memory for 16 numbers.</summary>
    [Benchmark, Work("call", "16")]
    public Tensor Scope()
    {
        using var scope = new TensorScope(Device, "call");
        return scope.Empty([Numbers]);
    }

    /// <summary>As <see cref="Scope"/>, and a kernel.</summary>
    [Benchmark, Work("call", "16")]
    public Tensor Add()
    {
        using var scope = new TensorScope(Device, "call");
        return scope.Use(a) + b;
    }

    /// <summary>A tape, three operations, and their gradients.</summary>
    [Benchmark, Work("call", "4x16x16")]
    public Tensor LinearBackward()
    {
        using var tape = new Tape(Device, "call");
        Tensor loss = tape.Use(x).Linear(weight).Square().Mean();
        tape.Backward(loss);
        return loss;
    }

    /// <summary>A picture that has the model's size: a frame, two blocks of four tokens, and the way out.</summary>
    [Benchmark, Work("call", "32x32")]
    public float Encode() => session.Encode(pixels, 1, Side, Side).Values[0];
}
