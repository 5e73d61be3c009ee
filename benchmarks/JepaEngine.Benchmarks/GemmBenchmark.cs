using JepaEngine.Backends.Cpu;
using JepaEngine.Jepa.Benchmarking;
using JepaEngine.Memory;
using JepaEngine.Primitives;

namespace JepaEngine.Benchmarks;

/// <summary>Matrix products: one thread against the FMA peak, two against one.</summary>
internal static class GemmBenchmark
{
    // a · b with N: as stored, T: a layout's transpose. NT is a Linear, NN its input gradient, TN its weight gradient.
    private static readonly (int M, int N, int K, string Kind)[] Cases =
    [
        (784, 384, 384, "NT"), (1568, 1536, 384, "NT"), (1024, 1024, 1024, "NT"), (1024, 1024, 1024, "NN"), (1024, 1024, 1024, "TN"),
        (777, 389, 391, "NT"), (1000, 1000, 1000, "NT"),
        (4352, 288, 96, "NT"), (4352, 384, 96, "NT"), (4352, 96, 384, "NT"), (4352, 96, 384, "NN"), (4352, 384, 96, "NN"),
        (96, 384, 4352, "TN"), (384, 96, 4352, "TN"), (4352, 96, 588, "NT"),
        (256, 32, 32, "NT"), (256, 64, 64, "NT"), (256, 128, 128, "NT"), (256, 256, 256, "NT"), (256, 256, 64, "NT"),
        (8224, 768, 192, "NT"), (8224, 192, 768, "NT"), (768, 192, 8224, "TN"), (2700, 2048, 192, "NT"), (300, 192, 2048, "NT"),
        (1, 384, 384, "NT"), (1, 384, 384, "NN"), (16, 768, 192, "NT"),
    ];

    public static void Run()
    {
        var one = new CpuBackend(CpuIsa.Auto, 1);
        var two = new CpuBackend(CpuIsa.Auto, 2);
        Console.WriteLine($"{one.Description}; copy {CpuPeak.CopyGigabytes():0} GB/s");
        Console.WriteLine($"{"M x N x K",-20}{"",4}{"GFLOP/s",9}{"peak",8}{"% peak",8}{"2 threads",11}{"ratio",7}");
        foreach ((int m, int n, int k, string kind) in Cases)
        {
            using var scope = new TensorScope(Device.Cpu);
            Operand a = Matrix(scope, m, k, kind[0] == 'T'), b = Matrix(scope, k, n, kind[1] == 'T'), c = Matrix(scope, m, n, false);
            double flops = 2.0 * m * n * k;
            // A small product is repeated so that a measurement lasts.
            int loops = (int)Math.Clamp(2e7 / flops, 1, 1000);
            Measure alone = Measure.Of(() => Loop(one, loops, a, b, c)), both = Measure.Of(() => Loop(two, loops, a, b, c));
            double rate = flops * loops / alone.Cpu * 1e-9;
            Console.WriteLine($"{$"{m} x {n} x {k}",-20}{kind,4}{rate,9:0.0}{alone.PeakGflops,8:0.0}{100 * rate / alone.PeakGflops,8:0.0}"
                + $"{flops * loops / both.Wall * 1e-9,11:0.0}{alone.Wall / both.Wall,7:0.00}");
        }
    }

    private static void Loop(CpuBackend backend, int loops, Operand a, Operand b, Operand c)
    {
        for (int i = 0; i < loops; i++)
            backend.MatMul(a, b, c, default);
    }

    private static Operand Matrix(TensorScope scope, int rows, int columns, bool transposed)
    {
        var layout = new Layout(transposed ? [columns, rows] : [rows, columns]);
        Operand operand = new(scope.Rent(4L * rows * columns), DType.F32, transposed ? layout.Transpose(0, 1) : layout);
        Fill.Random(operand);
        return operand;
    }
}
