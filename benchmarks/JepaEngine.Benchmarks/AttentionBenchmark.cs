using JepaEngine.Backends.Cpu;
using JepaEngine.Memory;
using JepaEngine.Primitives;

namespace JepaEngine.Benchmarks;

/// <summary>
/// Attention forward (4 E flops a head for each query and key it sees) and backward (2.5 times that): one thread against the FMA peak, two against one.
/// </summary>
internal static class AttentionBenchmark
{
    private static readonly (int B, int Heads, int Nq, int Nk, int E, int CausalBlock)[] Cases =
    [
        (1, 16, 2048, 2048, 64, 0), (1, 16, 2048, 2048, 64, 1), (1, 16, 2064, 2064, 64, 258), (32, 3, 257, 257, 64, 0), (256, 3, 17, 17, 32, 0),
        (32, 3, 1, 257, 64, 0), (256, 3, 1, 17, 32, 0), (8, 12, 576, 576, 32, 0), (4, 16, 257, 257, 80, 0),
        (1, 16, 1568, 1568, 88, 0),
        (1, 16, 256, 256, 64, 0), (1, 16, 256, 256, 80, 0), (1, 16, 256, 256, 88, 0), (1, 16, 2048, 2048, 80, 0), (1, 16, 2048, 2048, 88, 0),
        (1, 16, 8192, 8192, 64, 0),
    ];

    public static void Run()
    {
        var one = new CpuBackend(CpuIsa.Auto, 1);
        var two = new CpuBackend(CpuIsa.Auto, 2);
        Console.WriteLine(one.Description);
        Console.WriteLine($"{"B x H x Nq x Nk x E",-28}{"",-9}{"GFLOP/s",9}{"peak",8}{"% peak",8}{"2 threads",11}{"ratio",7}");
        foreach ((int b, int h, int nq, int nk, int e, int block) in Cases)
        {
            using var scope = new TensorScope(Device.Cpu);
            Operand q = Rows(scope, b, nq, h, e), k = Rows(scope, b, nk, h, e), v = Rows(scope, b, nk, h, e);
            Operand y = Rows(scope, b, nq, h, e);
            Operand lse = Rows(scope, b, h, nq, 1) with { Layout = new Layout([b, h, nq]) };
            Operand dy = Rows(scope, b, nq, h, e), dq = Rows(scope, b, nq, h, e);
            Operand dk = Rows(scope, b, nk, h, e), dv = Rows(scope, b, nk, h, e);
            double scale = 1 / Math.Sqrt(e), flops = 4.0 * b * h * e * Seen(block, nq, nk);
            string name = $"{b} x {h} x {nq} x {nk} x {e}{(block > 0 ? $" / {block}" : "")}";
            Row(name, "forward", flops, one, two, backend => backend.Attention(q, k, v, scale, block, y, lse));
            Row(name, "backward", 2.5 * flops, one, two, backend => backend.AttentionGrad(q, k, v, y, lse, dy, scale, block, dq, dk, dv));
        }
    }

    /// <summary>Pairs of a query and a key it sees.</summary>
    private static double Seen(int block, int queries, int keys) => block == 0
        ? (double)queries * keys
        : Enumerable.Range(keys - queries, queries).Sum(position => (double)Math.Min(keys, (position / block + 1) * block));

    private static void Row(string name, string pass, double flops, CpuBackend one, CpuBackend two, Action<CpuBackend> kernel)
    {
        Measure alone = Measure.Of(() => kernel(one)), both = Measure.Of(() => kernel(two));
        double rate = flops / alone.Cpu * 1e-9;
        Console.WriteLine($"{name,-28}{pass,-9}{rate,9:0.0}{alone.PeakGflops,8:0.0}{100 * rate / alone.PeakGflops,8:0.0}"
            + $"{flops / both.Wall * 1e-9,11:0.0}{alone.Wall / both.Wall,7:0.00}");
    }

    private static Operand Rows(TensorScope scope, int b, int n, int h, int e)
    {
        Operand operand = new(scope.Rent(4L * b * n * h * e), DType.F32, new Layout([b, n, h, e]));
        Fill.Random(operand);
        return operand;
    }
}
