using JepaEngine.Backends;
using JepaEngine.Backends.Cuda;
using JepaEngine.Memory;
using JepaEngine.Ops;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.KernelTests.Ops;

/// <summary>Every kernel of gemm.cu, whether or not the estimate would choose it for a product of this size.</summary>
public sealed class GemmTileTests
{
    /// <summary>A device, a kernel and how its operands lie: n row-major, t transposed.</summary>
    public static TheoryData<string, string, string> Kernels => new(
        from device in new[] { "sim", "sim:bf16" }
        from tile in device == "sim" ? GemmTile.Fma : [.. GemmTile.Mma, .. GemmTile.Fma]
        from kernel in tile.Kernels
        from form in LargeTable.FormsOf(tile, kernel)
        select (device, kernel.Entry, form));

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Agrees_with_the_oracle(string device, string kernel, string form)
    {
        GemmTile tile = GemmTile.Mma.Concat(GemmTile.Fma).First(tile => tile.Kernels.Any(k => k.Entry == kernel));
        ParityResult[] results = [.. LargeTable.Tile(Gpus.Require(device), tile, kernel, form)];
        Assert.Equal(["y", "derivative"], results.Select(result => result.Output));
        Assert.All(results, result => Assert.True(result.Passed, result.ToString()));
    }

    [Theory]
    [InlineData("sim")]
    [InlineData("sim:bf16")]
    public void Computes_every_tile_of_more_than_a_group(string device)
    {
        Device gpu = Gpus.Require(device);
        GemmTile tile = (gpu.Compute == DType.BF16 ? GemmTile.Mma : GemmTile.Fma)[^1];
        int m = 10 * tile.M + 1, n = tile.N + 1, k = 8;
        using var scope = new TensorScope(gpu, "tiles");
        Tensor a = scope.From<double>([.. Enumerable.Range(0, m * k).Select(i => i / k % 31.0)], [m, k]);
        Tensor b = scope.Full([k, (n + 7) / 8 * 8], 1).Slice(-1, 0, n), y = scope.Full([m, n], double.NaN);
        ((CudaBackend)gpu.Backend).MatMul(a.Operand, b.Operand, y.Operand, default, GemmPlan.Of(tile, k, 1));
        double[] values = y.ToArray<double>();
        for (int i = 0; i < values.Length; i++)
            Assert.Equal(k * (i / n % 31), values[i]);
    }

    [Fact]
    public void Cuts_deep_products_of_few_tiles_only()
    {
        Assert.Equal(1, GemmPlan.Best(GemmTile.Mma, 1, 4096, 4096, 4096, 132).Parts);
        Assert.Equal(1, GemmPlan.Best(GemmTile.Mma, 1, 64, 192, 192, 132).Parts);
        GemmPlan weights = GemmPlan.Best(GemmTile.Mma, 1, 192, 768, 25_000, 132);
        Assert.InRange(weights.Parts, 3, 64);
        Assert.True(weights.Parts * (long)weights.Depth >= 25_000 && (weights.Parts - 1) * (long)weights.Depth < 25_000);
    }
}
