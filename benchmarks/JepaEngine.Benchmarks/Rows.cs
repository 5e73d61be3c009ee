using BenchmarkDotNet.Attributes;
using JepaEngine.Backends;
using JepaEngine.Benchmarks.Harness;
using JepaEngine.Memory;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Benchmarks;

/// <summary>
/// Kernels that stream through memory, against a copy, by the bytes they must read and write. Each call works on other memory, as much as makes the third-level
/// cache useless.
/// </summary>
[Runs(threads: 1, Cold = true)]
public class Rows : Family
{
    private const int Tokens = 2048, Width = 1024, Hidden = 4096, Parameters = 10_000_000, Groups = 4, Batch = 64, Directions = 256, Knots = 17;
    private const double Narrow = 4.0 * Tokens * Width, Wide = 4.0 * Tokens * Hidden, Flat = 4.0 * Parameters, Projected = 4.0 * Groups * Batch * Directions;

    // Five operations a knot, as the operation table counts them.
    private const double Terms = 5.0 * Knots * Groups * Batch * Directions;

    private Ring x = null!, dy = null!, y = null!, wideX = null!, wideDy = null!, wideY = null!, u = null!, du = null!;
    private Ring p = null!, g = null!, m = null!, v = null!;
    private Operand weight, bias, mean, rstd, runningMean, runningVariance, columnMean, columnRstd, scalar, norm, step;
    private int turn;

    protected override void Prepare()
    {
        (x, dy, y) = (new Ring(Memory, Tokens, Width), new Ring(Memory, Tokens, Width), new Ring(Memory, Tokens, Width));
        (wideX, wideDy, wideY) = (new Ring(Memory, Tokens, Hidden), new Ring(Memory, Tokens, Hidden), new Ring(Memory, Tokens, Hidden));
        (u, du) = (new Ring(Memory, Groups, Batch, Directions), new Ring(Memory, Groups, Batch, Directions));
        (p, g, m, v) = (new Ring(Memory, Parameters), new Ring(Memory, Parameters), new Ring(Memory, Parameters), new Ring(Memory, Parameters) { Least = 0.5 });
        (weight, bias, columnMean, columnRstd) = (Draw(Width), Draw(Width), Draw(Width), Draw(Width));
        (mean, rstd, runningMean, runningVariance, scalar) = (Draw(Tokens), Draw(Tokens), Draw(Width), Draw(Width), Draw());
        (norm, step) = (Memory.Full([], 1, DType.F64).Operand, Memory.Empty([AdamWStep.Length], DType.F64).Operand);
        Backend.Upload<AdamWStep>([AdamWStep.Of(10, 1e-4, 0.9, 0.999, 1e-8, 0.01)], step);
    }

    [Benchmark, Work("forward", "2048x1024", Bytes = 2 * Narrow)]
    public void LayerNorm() => Backend.LayerNorm(x[++turn], weight, bias, 1e-6, y[turn], mean, rstd);

    [Benchmark, Work("backward", "2048x1024", Bytes = 3 * Narrow)]
    public void LayerNormGradient() => Backend.LayerNormGrad(x[++turn], weight, mean, rstd, dy[turn], y[turn], false, columnMean, columnRstd);

    [Benchmark, Work("forward", "2048x1024", Bytes = 2 * Narrow)]
    public void BatchNorm() => Backend.BatchNorm(x[++turn], weight, bias, runningMean, runningVariance, 0.1, 1e-5, y[turn], columnMean, columnRstd);

    [Benchmark, Work("forward", "2048x4096", Bytes = 2 * Wide)]
    public void Gelu() => Backend.Unary(UnaryOp.Gelu, wideX[++turn], wideY[turn]);

    [Benchmark, Work("backward", "2048x4096", Bytes = 3 * Wide)]
    public void GeluGradient() => Backend.UnaryGrad(UnaryOp.Gelu, wideX[++turn], wideDy[turn], wideY[turn]);

    /// <summary>Parameters and moments are read and written, gradients read.</summary>
    [Benchmark, Work("step", "10000000", Bytes = 7 * Flat)]
    public void AdamW() => Backend.AdamW(new AdamWArena(p[++turn], g[turn], m[turn], v[turn], norm), step);

    /// <summary>The demo's embeddings in 256 directions.</summary>
    [Benchmark, Work("forward", "4x64x256", Flops = Terms, Bytes = Projected)]
    public void SigReg() => Backend.SigReg(u[++turn], Knots, scalar);

    [Benchmark, Work("backward", "4x64x256", Flops = 2 * Terms, Bytes = 2 * Projected)]
    public void SigRegGradient() => Backend.SigRegGrad(u[++turn], Knots, scalar, du[turn]);

    [Benchmark, Work("forward", "2048x1024", Bytes = Narrow)]
    public void RandomNormal() => Backend.RandomNormal(y[++turn], new PhiloxKey(1), 0, 1);

    [Benchmark, Work("forward", "2048x1024", Bytes = 2 * Narrow)]
    public void Dropout() => Backend.Dropout(x[++turn], 0.1, new PhiloxKey(1), y[turn]);
}
