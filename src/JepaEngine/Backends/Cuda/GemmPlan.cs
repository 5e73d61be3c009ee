namespace JepaEngine.Backends.Cuda;

/// <summary>What a block of a kernel in gemm.cu computes, and what that costs.</summary>
/// <param name="M">Rows of the product a block.</param>
/// <param name="N">Columns of the product a block.</param>
/// <param name="K">The step along the inner dimension, of which a part is a multiple.</param>
/// <param name="Resident">Blocks that a multiprocessor holds at a time.</param>
/// <param name="Rate">Multiply-adds a clock of a multiprocessor that holds so many.</param>
/// <param name="Kernels">Its kernels: of <see cref="Mma"/> for <see cref="GemmForm"/>, of <see cref="Fma"/> one for all.</param>
internal sealed record GemmTile(int M, int N, int K, int Resident, double Rate, IReadOnlyList<Kernel> Kernels)
{
    /// <summary>
    /// product_mma, bf16. The instruction gives 1024 a clock on sm_80 and some 1250 on sm_90; a smaller tile reads more of shared memory for each.
    /// Rates are estimates, not yet measured.
    /// </summary>
    public static IReadOnlyList<GemmTile> Mma { get; } =
    [
        WithStages(128, 256, 32, 4, threads: 256, resident: 1, rate: 1000),
        WithStages(128, 128, 32, 4, threads: 128, resident: 2, rate: 900),
        WithStages(128, 64, 32, 4, threads: 128, resident: 3, rate: 700),
        WithStages(64, 64, 64, 3, threads: 128, resident: 4, rate: 500),
    ];

    /// <summary>product_fma, both tiers. The instruction gives 128 a clock (64 on sm_80).</summary>
    public static IReadOnlyList<GemmTile> Fma { get; } =
    [
        InFloats(128, 128, threads: 256, resident: 2, rate: 110),
        InFloats(64, 64, threads: 128, resident: 4, rate: 80),
    ];

    private static GemmTile WithStages(int m, int n, int k, int stages, int threads, int resident, double rate) =>
        new(m, n, k, resident, rate, [.. from form in Enum.GetNames<GemmForm>()
            select new Kernel("gemm", $"gemm_{form.ToLowerInvariant()}_{m}x{n}", threads, stages * (m + n) * k * sizeof(ushort))]);

    // Two steps; rows of shared memory are 4 floats longer.
    private static GemmTile InFloats(int m, int n, int threads, int resident, double rate, int k = 8) =>
        new(m, n, k, resident, rate, [new Kernel("gemm", $"gemm_fma_{m}x{n}", threads, 2 * k * (m + n + 8) * sizeof(float))]);
}

/// <summary>How the operands of a product lie: N as named in dst = a · b, T transposed. Both transposed is for <see cref="GemmTile.Fma"/>.</summary>
internal enum GemmForm
{
    /// <summary>a [M, K] and b [K, N] are row-major.</summary>
    NN,
    /// <summary>b is row-major as [N, K]: y = x · weightᵀ.</summary>
    NT,
    /// <summary>a is row-major as [K, M]: dweight = dyᵀ · x.</summary>
    TN,
}

/// <summary>How a product is cut: the tile, and the depth of the parts that K is cut into.</summary>
internal readonly record struct GemmPlan(GemmTile Tile, int Depth, int Parts)
{
    /// <summary>Clocks that resident blocks need besides their multiply-adds: the start, the first tiles' way from memory, the end.</summary>
    private const double BlockClocks = 2000;

    /// <summary>Clocks of the second launch that adds parts.</summary>
    private const double ReduceClocks = 5000;

    /// <summary>Bytes a clock that a multiprocessor's share of the memory moves.</summary>
    private const double BytesPerClock = 20;

    /// <summary>Parts of less are all start and end.</summary>
    private const int LeastDepth = 256;

    /// <summary>K in about so many equal parts.</summary>
    public static GemmPlan Of(GemmTile tile, int k, int parts)
    {
        int depth = Math.Max(tile.K, (((k + parts - 1) / parts) + tile.K - 1) / tile.K * tile.K);
        return new GemmPlan(tile, depth, (k + depth - 1) / depth);
    }

    /// <summary>The plan that takes the least time by the estimate below; it depends on nothing but its arguments, and so do the bits of the result.</summary>
    public static GemmPlan Best(IReadOnlyList<GemmTile> tiles, long batch, int m, int n, int k, int multiprocessors)
    {
        GemmPlan best = default;
        double least = double.PositiveInfinity;
        foreach (GemmTile tile in tiles)
        {
            long blocks = batch * ((m + tile.M - 1) / tile.M) * ((n + tile.N - 1) / tile.N);
            int most = (int)Math.Clamp(2 * multiprocessors / blocks, 1, Math.Max(1, k / LeastDepth));
            for (int parts = 1; parts <= most; parts++)
            {
                GemmPlan plan = Of(tile, k, parts);
                double each = Math.Ceiling(blocks * plan.Parts / (double)multiprocessors);
                double clocks = Math.Ceiling(each / tile.Resident) * BlockClocks + each * tile.M * tile.N * plan.Depth / tile.Rate;
                if (plan.Parts > 1)
                    clocks += ReduceClocks + 2.0 * sizeof(float) * plan.Parts * batch * m * n / (BytesPerClock * multiprocessors);
                if (clocks < least)
                    (best, least) = (plan, clocks);
            }
        }
        return best;
    }
}
