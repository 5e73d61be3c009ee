using BenchmarkDotNet.Attributes;
using JepaEngine.Backends;
using JepaEngine.Benchmarks.Harness;
using JepaEngine.Memory;
using JepaEngine.Primitives;

namespace JepaEngine.Benchmarks;

/// <summary>A layer of a large encoder with its epilogue. Weights come from memory, as they do when 24 layers take turns.</summary>
[Runs(threads: 1, Cold = true)]
public class Linear : Family
{
    private const int Tokens = 256, Inputs = 1024, Outputs = 4096;
    private const double Moved = 4.0 * (Tokens * Inputs + Inputs * Outputs + Outputs + Tokens * Outputs);

    private Operand x, bias, y;
    private Ring weights = null!;
    private int turn;

    protected override void Prepare()
    {
        (x, bias, y) = (Draw(Tokens, Inputs), Draw(Outputs), Draw(Tokens, Outputs));
        weights = new Ring(Memory, Outputs, Inputs);
    }

    [Benchmark, Work("forward", "256x4096x1024", Flops = 2.0 * Tokens * Inputs * Outputs, Bytes = Moved)]
    public void Gelu()
    {
        Operand weight = weights[turn++];
        Backend.MatMul(x, weight with { Layout = weight.Layout.Transpose(0, 1) }, y, new Epilogue { Bias = bias, Activation = Activation.Gelu });
    }
}
