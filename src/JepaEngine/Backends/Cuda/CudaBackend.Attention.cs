using System.Runtime.InteropServices;
using JepaEngine.Cuda.Compile;

namespace JepaEngine.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    /// <summary>
    /// Queries up to which rotary positions are applied on load, without a pass of their own. Every tile of queries turns all keys again, 29 % more instructions a
    /// step (counted, heads of 64), which grows with the square of the tokens while the pass grows with them: at 300 TFLOP/s and 3 TB/s they meet near 690
    /// tokens. An estimate, to be measured.
    /// </summary>
    private const int MostTurnedOnLoad = 640;

    private static readonly Kernel AttentionForward = new("attention", "attention_forward", Threads: 128);
    private static readonly Kernel AttentionForwardShort = new("attention", "attention_forward_short", Threads: 32);
    private static readonly Kernel AttentionForwardTurned = new("attention", "attention_forward_turned", Threads: 128);
    private static readonly Kernel AttentionForwardTurnedShort = new("attention", "attention_forward_turned_short", Threads: 32);

    [StructLayout(LayoutKind.Sequential)]
    private struct AttentionArgs
    {
        public Heads Q, K, V, Dst, Cos, Sin;
        public nint Lse;
        public int Heads, Queries, Keys, Width, CausalBlock;
        public float Scale;
    }

    public override void Attention(in Operand q, in Operand k, in Operand v, double scale, int causalBlock, in Operand dst, in Operand lse,
        in Operand? cos = null, in Operand? sin = null)
    {
        if (q.Count == 0)
            return;
        if (cos is { } cosines && q.Shape[1] > MostTurnedOnLoad)
        {
            TurnedAttention.Forward(this, q, k, v, scale, causalBlock, dst, lse, cosines, sin!.Value);
            return;
        }
        DType real = q.DType;
        int batch = q.Shape[0], queries = q.Shape[1], heads = q.Shape[2], width = CompiledWidth(q.Shape[3]);
        bool few = queries <= Tiling.Short.Tile;
        Tiling tiling = few ? Tiling.Short : AttentionTiling(real, width);
        var args = new AttentionArgs
        {
            Q = new(q), K = new(k), V = new(v), Dst = new(dst), Cos = Table(cos), Sin = Table(sin), Lse = lse.Address,
            Heads = heads, Queries = queries, Keys = k.Shape[1], Width = q.Shape[3], CausalBlock = causalBlock, Scale = (float)scale,
        };
        Kernel kernel = (cos, few) switch
        {
            (null, false) => AttentionForward,
            (null, true) => AttentionForwardShort,
            (_, false) => AttentionForwardTurned,
            (_, true) => AttentionForwardTurnedShort,
        };
        Launch(kernel with { Shared = tiling.Shared(1, real, width) }, real, new Grid(CeilDiv(queries, tiling.Tile) * batch * heads), args,
            2 * (q.Count + k.Count) * real.Size() + lse.Count * sizeof(float) + TableBytes(cos), width);
    }

    /// <summary>A table of rotary positions, where there is one.</summary>
    private static Heads Table(in Operand? table) => table is { } present ? new Heads(present) : default;

    /// <summary>Bytes of cosines and sines, which all heads share, and batches where they are broadcast.</summary>
    private static long TableBytes(in Operand? table) => table is { } present
        ? 2L * present.Shape[1] * present.Shape[2] * (present.Layout.Stride(0) == 0 ? 1 : present.Shape[0]) * sizeof(float)
        : 0;

    /// <summary>As the end of kernels/attention.cu says.</summary>
    private static Tiling AttentionTiling(DType real, int width) => real == DType.BF16
        ? new(Warps: 4, Rows: 32, Columns: width <= 80 ? 64 : 32)
        : new(Warps: 4, Rows: width <= 88 ? 16 : 8, Columns: 32);

    /// <summary>How a kernel of attention is cut: a block's warps, the rows each of them has, and the columns of a step.</summary>
    private readonly record struct Tiling(int Warps, int Rows, int Columns)
    {
        /// <summary>For 16 rows or fewer, of which most would be empty in a larger tile.</summary>
        public static Tiling Short => new(1, 16, 16);

        /// <summary>Rows of a block.</summary>
        public int Tile => Warps * Rows;

        /// <summary>Bytes of shared memory for so many tiles of a block's rows, two stages of two tiles of columns, and what lanes exchange.</summary>
        public int Shared(int tiles, DType real, int width)
        {
            int stride = (width + 15) / 16 * 16 * real.Size() + 16;
            return (tiles * Tile + 4 * Columns) * stride + (real == DType.BF16 ? 0 : Tile * (Columns + 4) * sizeof(float));
        }
    }

    /// <summary>The compiled width that holds heads of this one.</summary>
    private static int CompiledWidth(int width)
    {
        foreach (int compiled in KernelCatalog.HeadWidths)
            if (compiled >= width)
                return compiled;
        throw new NotSupportedException(
            $"Attention: heads {width} wide; a GPU's kernels hold {KernelCatalog.HeadWidths[^1]}: "
            + "use more and narrower heads, or the CPU");
    }
}
