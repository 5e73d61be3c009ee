using System.Runtime.CompilerServices;
using JepaEngine.Backends.Cpu.Simd;
using JepaEngine.Backends.Cpu.Workers;

namespace JepaEngine.Backends.Cpu.Gemm;

/// <summary>
/// finish(x [M, K] · wᵀ) for so few rows that w [N, K] is not worth packing: w is the left operand of the tiles, read once and where it lies; x
/// is packed, once for all threads, and the sums [N, M] are transposed on their way out. Against <see cref="Product{V, TSource}"/> on one thread
/// 32 x 1280 x 1280 rises from 63 to 85 % of the peak, 256 x 1280 x 5120 from 89 to 92; K is cut as there, so the bits are the same.
/// </summary>
internal unsafe struct FewRows<V> : IParallelWork where V : struct, IVector<V>
{
    /// <summary>Rows of w a part: its sums, 51 KB at 256 rows of x, stay in L2 beside a panel of x, 240 KB. 96 are up to 3 % slower on two cores.</summary>
    private const int PartRows = 48;

    /// <summary>Rows of the output that leave at once.</summary>
    private const int OutRows = 16;

    /// <summary>Where it pays: fewer rows make a panel of one vector, 7 % slower with warm weights at 16 x 768 x 192; more, and x outgrows the caches.</summary>
    private const int LeastRows = 17, MostRows = 512;

    public float* X, W, Packed;
    public nint XRow, WRow;
    public int M, N, K, Depth, Parts;
    public Finish Finish;

    /// <summary>Whether the parts pack x or, once that is done, multiply.</summary>
    public bool Packs;

    /// <summary>Whether less is transposed here, x and the output, than there, w; the two are about equal where this says they are.</summary>
    public static bool Suits(int m, int n, int k) => m is >= LeastRows and <= MostRows && (long)m * (n + k) < (long)n * k;

    /// <summary>The parts of the multiplication: of about as many rows, and as many for each thread.</summary>
    public static int PartsOf(int n, int threads) => (n + PartRows * threads - 1) / (PartRows * threads) * threads;

    /// <summary>The parts of the packing.</summary>
    public readonly int PackParts => new Panels<V>(M).Count;

    public readonly void Run(int part, int worker)
    {
        if (Packs)
            Pack(part);
        else
            Multiply(part);
    }

    private readonly void Pack(int panel)
    {
        var panels = new Panels<V>(M);
        int m = panels.Start(panel), width = panels.Start(panel + 1) - m;
        new MatrixSource(X, 1, XRow).Pack(0, K, m, Math.Min(width, M - m), Packed + (nint)K * m, width);
    }

    [SkipLocalsInit]
    private readonly void Multiply(int part)
    {
        var panels = new Panels<V>(M);
        int tiles = (N + Tile<V>.Rows - 1) / Tile<V>.Rows, n = (int)((long)tiles * part / Parts) * Tile<V>.Rows;
        int rows = Math.Min((int)((long)tiles * (part + 1) / Parts) * Tile<V>.Rows, N) - n;
        // Rows of sums must not lie 1 KiB apart, where their transposition would use few sets of the cache.
        int sumRow = panels.Start(panels.Count) + 16, outRow = PackedMatrix<V>.Padded(rows);
        float* sums = Scratch.Of((nint)rows * sumRow + OutRows * outRow), rowsOut = sums + (nint)rows * sumRow;
        for (int k = 0; k < K; k += Depth)
            for (int i = 0; i < rows; i += Tile<V>.Rows)
                for (int panel = 0; panel < panels.Count; panel++)
                {
                    int m = panels.Start(panel), width = panels.Start(panel + 1) - m;
                    Tile<V>.Multiply(Math.Min(Tile<V>.Rows, rows - i), panels.Vectors(panel), Math.Min(Depth, K - k), W + (n + i) * WRow + k, WRow, 1,
                        Packed + (nint)K * m + (nint)k * width, width, sums + (nint)i * sumRow + m, sumRow, accumulate: k > 0);
                }
        for (int m = 0; m < M; m += OutRows)
        {
            int count = Math.Min(OutRows, M - m);
            new MatrixSource(sums, 1, sumRow).Pack(m, count, 0, rows, rowsOut, outRow);
            Finish.Store<V>(rowsOut, outRow, m, n, count, rows);
        }
    }
}
