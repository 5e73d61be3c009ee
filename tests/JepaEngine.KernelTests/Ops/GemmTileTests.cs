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
        from form in tile.Kernels.Count > 1 ? [kernel.Entry.Split('_')[1]] : new[] { "nn", "nt", "tn", "tt" }
        select (device, kernel.Entry, form));

    /// <summary>K is more than twice the steps under way and neither it nor M and N are multiples of anything; what lies between rows is not a number.</summary>
    [Theory]
    [MemberData(nameof(Kernels))]
    public void Agrees_with_the_oracle(string device, string kernel, string form)
    {
        Device gpu = Gpus.Require(device);
        GemmTile tile = GemmTile.Mma.Concat(GemmTile.Fma).First(tile => tile.Kernels.Any(k => k.Entry == kernel));
        int m = tile.M + 3, n = tile.N - 5, k = 8 * tile.K + 37, parts = form[0] == form[1] ? 1 : 3;
        double[][] actual = Run(gpu, gpu.Compute, form, m, n, k, (in Operand a, in Operand b, in Operand dst, in Epilogue epilogue) =>
            ((CudaBackend)Backend.For(gpu)).MatMul(a, b, dst, epilogue, GemmPlan.Of(tile, k, parts)));
        double[][] exact = Run(Device.Reference, gpu.Compute, form, m, n, k, Backend.For(Device.Reference).MatMul);
        // bf16 rounds once; in f32 the worst of these sums, of up to 50, errs by some 1e-5, and so does the derivative there, of 1.
        double allowed = gpu.Compute == DType.BF16 ? 1.0 / 256 : 1.0 / (1 << 16);
        for (int i = 0; i < exact.Length; i++)
        {
            double largest = exact[i].Max(Math.Abs);
            for (int j = 0; j < exact[i].Length; j++)
                Assert.True(Math.Abs(actual[i][j] - exact[i][j]) <= allowed * largest, $"output {i} ({j / n}, {j % n}): {actual[i][j]}, not {exact[i][j]}");
        }
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
        ((CudaBackend)Backend.For(gpu)).MatMul(a.Operand, b.Operand, y.Operand, default, GemmPlan.Of(tile, k, 1));
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

    private delegate void Product(in Operand a, in Operand b, in Operand dst, in Epilogue epilogue);

    /// <summary>The product that accumulates, with all that an epilogue can do: what is left in the destination, and the derivative.</summary>
    private static double[][] Run(Device device, DType precision, string form, int m, int n, int k, Product product)
    {
        using var scope = new TensorScope(device, "gemm");
        ulong seed = 0;
        Tensor a = Matrix(m, k, form[0] == 't'), b = Matrix(k, n, form[1] == 't'), dst = Matrix(m, n), multiplier = Matrix(m, n), derivative = Matrix(m, n);
        var epilogue = new Epilogue
        {
            Bias = Matrix(1, n).Reshape(n).Operand,
            Activation = Activation.Gelu,
            Derivative = derivative.Operand,
            Multiplier = multiplier.Operand,
            Residual = dst.Operand,
        };
        product(a.Operand, b.Operand, dst.Operand, epilogue);
        return [dst.ToArray<double>(), derivative.ToArray<double>()];

        Tensor Matrix(int rows, int columns, bool transposed = false)
        {
            if (transposed)
                return Matrix(columns, rows).Transpose(-1, -2);
            Tensor x = scope.Full([rows, (columns + 15) / 8 * 8], double.NaN).Slice(-1, 0, columns);
            x.CopyFrom<double>(new OpInput("x", x.Shape).Draw(new PhiloxKey(1, seed++), precision));
            return x;
        }
    }
}
