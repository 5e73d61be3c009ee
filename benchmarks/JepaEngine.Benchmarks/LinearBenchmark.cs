using JepaEngine.Backends;
using JepaEngine.Backends.Cpu;
using JepaEngine.Jepa.Benchmarking;
using JepaEngine.Memory;
using JepaEngine.Primitives;

namespace JepaEngine.Benchmarks;

/// <summary>
/// The products of a large encoder with their epilogues. Weights come from memory, as they do when 24 layers take turns: each product meets
/// another matrix, of as many as make the third-level cache useless.
/// </summary>
internal static class LinearBenchmark
{
    private const long CacheBytes = 64L << 20;

    private static readonly (int Inputs, int Outputs)[] Layers = [(1024, 1024), (1024, 4096), (4096, 1024), (1280, 1280), (1280, 5120), (5120, 1280)];

    /// <summary>Widening layers end in a GELU, the others add a residual.</summary>
    public static void Run()
    {
        var one = new CpuBackend(CpuIsa.Auto, 1);
        var two = new CpuBackend(CpuIsa.Auto, 2);
        Console.WriteLine($"{one.Description}; copy {CpuPeak.CopyGigabytes():0} GB/s");
        Console.WriteLine($"{"tokens x inputs x outputs",-26}{"GFLOP/s",9}{"peak",8}{"% peak",8}{"2 threads",11}{"ratio",7}");
        foreach (int tokens in (int[])[256, 2048])
            foreach ((int inputs, int outputs) in Layers)
            {
                using var scope = new TensorScope(Device.Cpu);
                Operand x = Matrix(scope, tokens, inputs), y = Matrix(scope, tokens, outputs), residual = Matrix(scope, tokens, outputs);
                Operand bias = Matrix(scope, 1, outputs) with { Layout = new Layout([outputs]) };
                var weights = new Operand[1 + CacheBytes / (4L * inputs * outputs)];
                for (int i = 0; i < weights.Length; i++)
                    weights[i] = Matrix(scope, outputs, inputs);
                bool widens = outputs > inputs;
                var epilogue = new Epilogue { Bias = bias, Activation = widens ? Activation.Gelu : Activation.None, Residual = widens ? null : residual };
                int turn = 0;
                void Product(CpuBackend backend)
                {
                    Operand weight = weights[turn++ % weights.Length];
                    backend.MatMul(x, weight with { Layout = weight.Layout.Transpose(0, 1) }, y, epilogue);
                }
                Measure alone = Measure.Of(() => Product(one)), both = Measure.Of(() => Product(two));
                double flops = 2.0 * tokens * inputs * outputs, rate = flops / alone.Cpu * 1e-9;
                Console.WriteLine($"{$"{tokens} x {inputs} x {outputs}",-26}{rate,9:0.0}{alone.PeakGflops,8:0.0}{100 * rate / alone.PeakGflops,8:0.0}"
                    + $"{flops / both.Wall * 1e-9,11:0.0}{alone.Wall / both.Wall,7:0.00}");
            }
    }

    private static Operand Matrix(TensorScope scope, int rows, int columns)
    {
        Operand operand = new(scope.Rent(4L * rows * columns), DType.F32, new Layout([rows, columns]));
        Fill.Random(operand);
        return operand;
    }
}
