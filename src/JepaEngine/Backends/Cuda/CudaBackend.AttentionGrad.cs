using System.Runtime.InteropServices;

namespace JepaEngine.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    private static readonly Kernel AttentionGradQueries = new("attention_grad", "attention_grad_queries", Threads: 128);
    private static readonly Kernel AttentionGradQueriesShort = new("attention_grad", "attention_grad_queries_short", Threads: 32);
    private static readonly Kernel AttentionGradKeys = new("attention_grad", "attention_grad_keys", Threads: 128);
    private static readonly Kernel AttentionGradKeysShort = new("attention_grad", "attention_grad_keys_short", Threads: 32);
    private static readonly Kernel AttentionGradQueriesTurned = new("attention_grad", "attention_grad_queries_turned", Threads: 128);
    private static readonly Kernel AttentionGradQueriesTurnedShort = new("attention_grad", "attention_grad_queries_turned_short", Threads: 32);
    private static readonly Kernel AttentionGradKeysTurned = new("attention_grad", "attention_grad_keys_turned", Threads: 128);
    private static readonly Kernel AttentionGradKeysTurnedShort = new("attention_grad", "attention_grad_keys_turned_short", Threads: 32);

    [StructLayout(LayoutKind.Sequential)]
    private struct AttentionGradArgs
    {
        public Heads Q, K, V, Y, Dy, Dq, Dk, Dv, Cos, Sin;
        public nint Lse, Statistics;
        public int Heads, Queries, Keys, Width, CausalBlock;
        public float Scale;
    }

    public override void AttentionGrad(in Operand q, in Operand k, in Operand v, in Operand y, in Operand lse, in Operand dy,
        double scale, int causalBlock, in Operand dq, in Operand dk, in Operand dv, in Operand? cos = null, in Operand? sin = null)
    {
        if (q.Count == 0 || k.Count == 0)
        {
            Fill(dq, 0);
            Fill(dk, 0);
            Fill(dv, 0);
            return;
        }
        if (cos is { } cosines && q.Shape[1] > MostTurnedOnLoad)
        {
            TurnedAttention.Gradient(this, q, k, v, y, lse, dy, scale, causalBlock, dq, dk, dv, cosines, sin!.Value);
            return;
        }
        DType real = q.DType;
        int batch = q.Shape[0], queries = q.Shape[1], heads = q.Shape[2], keys = k.Shape[1], width = CompiledWidth(q.Shape[3]);
        using Scratch statistics = Rent(2 * lse.Count * sizeof(float));
        var args = new AttentionGradArgs
        {
            Q = new(q), K = new(k), V = new(v), Y = new(y), Dy = new(dy), Dq = new(dq), Dk = new(dk), Dv = new(dv),
            Cos = Table(cos), Sin = Table(sin),
            Lse = lse.Address, Statistics = statistics.Pointer,
            Heads = heads, Queries = queries, Keys = keys, Width = q.Shape[3], CausalBlock = causalBlock, Scale = (float)scale,
        };
        long pairs = (long)batch * heads, size = real.Size();
        bool turned = cos is not null;
        long tables = TableBytes(cos);
        // The first launch leaves statistics of the queries for the second.
        Run(turned ? AttentionGradQueriesTurned : AttentionGradQueries, turned ? AttentionGradQueriesTurnedShort : AttentionGradQueriesShort,
            queries, tiles: 3, (4 * q.Count + 2 * k.Count) * size + 3 * lse.Count * sizeof(float) + tables);
        Run(turned ? AttentionGradKeysTurned : AttentionGradKeys, turned ? AttentionGradKeysTurnedShort : AttentionGradKeysShort,
            keys, tiles: 2, (2 * q.Count + 4 * k.Count) * size + 2 * lse.Count * sizeof(float) + tables);

        void Run(in Kernel kernel, in Kernel small, int rows, int tiles, long bytes)
        {
            bool few = rows <= Tiling.Short.Tile;
            Tiling tiling = few ? Tiling.Short : AttentionGradTiling(real, width);
            // In the second, two numbers a query lie beside the two stages of queries.
            int statisticsBytes = tiles == 2 ? 4 * tiling.Columns * sizeof(float) : 0;
            Launch((few ? small : kernel) with { Shared = tiling.Shared(tiles, real, width) + statisticsBytes },
                real, new Grid(CeilDiv(rows, tiling.Tile) * pairs), args, bytes, width);
        }
    }

    /// <summary>As the end of kernels/attention_grad.cu says.</summary>
    private static Tiling AttentionGradTiling(DType real, int width) => real == DType.BF16
        ? new(Warps: 4, Rows: 16, Columns: width <= 80 ? 64 : 32)
        : new(Warps: 4, Rows: width <= 64 ? 16 : 8, Columns: width <= 88 ? 32 : 16);
}
