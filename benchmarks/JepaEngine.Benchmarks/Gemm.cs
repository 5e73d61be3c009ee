using BenchmarkDotNet.Attributes;
using JepaEngine.Benchmarks.Harness;
using JepaEngine.Memory;

namespace JepaEngine.Benchmarks;

/// <summary>
/// Matrix products of the models' sizes, operands in the caches as a step leaves them. NT is a Linear, NN its input gradient, TN its weight gradient: N takes
/// an operand of a · b as it is stored, T its transpose.
/// </summary>
[Runs(threads: 1)]
public class Gemm : Family
{
    private Operand a, b, c;

    /// <summary>ViT-S at 784 tokens, and its MLP at 1568; a cube in all layouts; the demo's MLP; a weight gradient over 8224 rows; few rows; one row.</summary>
    public static IEnumerable<Product> Products { get; } =
    [
        new("NT", 784, 384, 384), new("NT", 1568, 1536, 384), new("NT", 1024, 1024, 1024), new("NN", 1024, 1024, 1024), new("TN", 1024, 1024, 1024),
        new("NT", 4352, 384, 96), new("TN", 768, 192, 8224), new("NT", 16, 768, 192), new("NT", 1, 384, 384),
    ];

    [ParamsSource(nameof(Products))]
    public Product Size { get; set; } = null!;

    protected override void Prepare() => (a, b, c) = (Matrix(Size.M, Size.K, Size.Layout[0]), Matrix(Size.K, Size.N, Size.Layout[1]), Draw(Size.M, Size.N));

    [Benchmark, Work("forward")]
    public void Product() => Backend.MatMul(a, b, c, default);

    private Operand Matrix(int rows, int columns, char kind)
    {
        Operand stored = kind == 'T' ? Draw(columns, rows) : Draw(rows, columns);
        return kind == 'T' ? stored with { Layout = stored.Layout.Transpose(0, 1) } : stored;
    }
}

/// <summary>[M, K] times [K, N].</summary>
public sealed record Product(string Layout, int M, int N, int K) : ISized
{
    public double Flops => 2.0 * M * N * K;

    public double Bytes => sizeof(float) * ((double)M * K + (double)K * N + (double)M * N);

    public override string ToString() => $"{Layout} {M}x{N}x{K}";
}
