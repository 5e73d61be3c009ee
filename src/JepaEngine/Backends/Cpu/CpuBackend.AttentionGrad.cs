using System.Runtime.CompilerServices;
using JepaEngine.Backends.Cpu.Gemm;
using JepaEngine.Backends.Cpu.Simd;

namespace JepaEngine.Backends.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override void AttentionGrad(in Operand q, in Operand k, in Operand v, in Operand y, in Operand lse, in Operand dy,
        double scale, int causalBlock, in Operand dq, in Operand dk, in Operand dv, in Operand? cos = null, in Operand? sin = null)
    {
        if (cos is { } c && sin is { } s)
            TurnedAttention.Gradient(this, q, k, v, y, lse, dy, scale, causalBlock, dq, dk, dv, c, s);
        else if (Isa == CpuIsa.Avx512)
            AttentionGrad<V512>(q, k, v, y, lse, dy, scale, causalBlock, dq, dk, dv);
        else if (Isa == CpuIsa.Avx2)
            AttentionGrad<V256>(q, k, v, y, lse, dy, scale, causalBlock, dq, dk, dv);
        else
            AttentionGrad<V1>(q, k, v, y, lse, dy, scale, causalBlock, dq, dk, dv);
    }

    private void AttentionGrad<V>(in Operand q, in Operand k, in Operand v, in Operand y, in Operand lse, in Operand dy,
        double scale, int causalBlock, in Operand dq, in Operand dk, in Operand dv) where V : struct, IVector<V>
    {
        var work = new AttentionGradWork<V>
        {
            Query = new HeadRows(q), Key = new HeadRows(k), Value = new HeadRows(v), Y = new HeadRows(y),
            DY = new HeadRows(dy), DQuery = new HeadRows(dq), DKey = new HeadRows(dk), DValue = new HeadRows(dv),
            Lse = lse.As<float>(), Heads = q.Shape[2], Queries = q.Shape[1], Keys = k.Shape[1],
            Sight = new Sight(causalBlock, q.Shape[1], k.Shape[1]), Width = q.Shape[3], Scale = (float)scale,
        };
        int heads = q.Shape[0] * q.Shape[2];
        double flops = 10.0 * heads * work.Queries * work.Keys * work.Width;
        work.QueryBlocks = (work.Queries + AttentionGradWork<V>.QueryBlock - 1) / AttentionGradWork<V>.QueryBlock;
        work.KeyBlocks = (work.Keys + AttentionGradWork<V>.KeyBlock - 1) / AttentionGradWork<V>.KeyBlock;
        // Fewer heads than threads: a head falls into blocks of queries for dq and of keys for dk and dv, 7 products instead of 5.
        work.Split = flops >= SerialFlops && heads < Threads;
        RunRanges(flops, work.Split ? heads * (work.QueryBlocks + work.KeyBlocks) : heads, ref work);
    }

    /// <summary>
    /// The scores are computed again, a block [96 queries, 192 keys] at a time: with P = exp(scale · q kᵀ − lse), D = Σ dy y a row and
    /// dS = scale · P (dy vᵀ − D), dv = Pᵀ dy, dk = dSᵀ q and dq = dS k. Sums run over the blocks in their order.
    /// </summary>
    private struct AttentionGradWork<V> : IRangeWork where V : struct, IVector<V>
    {
        /// <summary>P and dS of a block take 160 KB, and with 64 wide heads all that is packed 300 KB of L2.</summary>
        public const int QueryBlock = 96, KeyBlock = 192;

        private const int ScoreRow = KeyBlock + 16;
        public HeadRows Query, Key, Value, Y, DY, DQuery, DKey, DValue;
        public float* Lse;
        public int Heads, Queries, Keys, Width, QueryBlocks, KeyBlocks;
        public float Scale;
        public Sight Sight;
        public bool Split;

        public readonly void Run(int item)
        {
            int items = Split ? QueryBlocks + KeyBlocks : 1, block = item % items;
            int batch = item / items / Heads, head = item / items % Heads;
            if (!Split)
                Blocks(batch, head, 0, Queries, 0, Keys, dq: true, dkv: true);
            else if (block < QueryBlocks)
                Blocks(batch, head, block * QueryBlock, Math.Min(Queries, (block + 1) * QueryBlock), 0, Keys, dq: true, dkv: false);
            else
                Blocks(batch, head, 0, Queries, (block - QueryBlocks) * KeyBlock, Math.Min(Keys, (block - QueryBlocks + 1) * KeyBlock),
                    dq: false, dkv: true);
        }

        [SkipLocalsInit]
        private readonly void Blocks(int batch, int head, int firstQuery, int endQuery, int firstKey, int endKey, bool dq, bool dkv)
        {
            int widthRow = PackedMatrix<V>.Padded(Width);
            int mostKeys = Math.Min(KeyBlock, endKey - firstKey), mostQueries = Math.Min(QueryBlock, endQuery - firstQuery);
            nint tall = PackedMatrix<V>.Floats(Width, mostKeys), rows = PackedMatrix<V>.Floats(mostKeys, Width);
            nint queryRows = PackedMatrix<V>.Floats(mostQueries, Width), scoreFloats = QueryBlock * ScoreRow;
            float* packedK = Scratch.Of(2 * tall + 3 * rows + 3 * queryRows + 2 * scoreFloats + (endQuery - firstQuery));
            float* packedV = packedK + tall, packedKeyRows = packedV + tall, sumK = packedKeyRows + rows, sumV = sumK + rows;
            float* packedQ = sumV + rows, packedDY = packedQ + queryRows, partQ = packedDY + queryRows;
            float* p = partQ + queryRows, ds = p + scoreFloats, d = ds + scoreFloats;

            float* q = Query.Head(batch, head), y = Y.Head(batch, head), dy = DY.Head(batch, head);
            float* lse = Lse + (nint)(batch * Heads + head) * Queries;
            for (int i = firstQuery; i < endQuery; i++)
                d[i - firstQuery] = Dot(y + i * Y.Row, dy + i * DY.Row, Width);
            for (int j = firstKey; j < endKey; j += KeyBlock)
            {
                int keys = Math.Min(KeyBlock, endKey - j);
                float* k = Key.Head(batch, head) + j * Key.Row, v = Value.Head(batch, head) + j * Value.Row;
                var kT = new PackedMatrix<V>(new MatrixSource(k, 1, Key.Row), Width, keys, endQuery - firstQuery, packedK);
                var vT = new PackedMatrix<V>(new MatrixSource(v, 1, Value.Row), Width, keys, endQuery - firstQuery, packedV);
                var keyRows = dq
                    ? new PackedMatrix<V>(new MatrixSource(k, Key.Row, 1), keys, Width, endQuery - firstQuery, packedKeyRows)
                    : default;
                bool begun = false;
                for (int i = firstQuery; i < endQuery; i += QueryBlock)
                {
                    int queries = Math.Min(QueryBlock, endQuery - i);
                    int visible = Math.Min(keys, Sight.Of(i + queries - 1) - j);
                    if (visible <= 0)
                        continue;
                    float* qi = q + i * Query.Row, dyi = dy + i * DY.Row;
                    kT.Multiply(queries, Width, visible, qi, Query.Row, 1, p, ScoreRow, accumulate: false);
                    vT.Multiply(queries, Width, visible, dyi, DY.Row, 1, ds, ScoreRow, accumulate: false);
                    for (int r = 0; r < queries; r++)
                    {
                        int own = Math.Clamp(Sight.Of(i + r) - j, 0, visible);
                        Softmax(p + r * ScoreRow, ds + r * ScoreRow, own, visible, lse[i + r], d[i + r - firstQuery]);
                    }
                    if (dkv)
                    {
                        // Keys beyond the visible ones get nothing from these queries.
                        if (!begun && visible < keys)
                        {
                            new Span<float>(sumV + (nint)visible * widthRow, (keys - visible) * widthRow).Clear();
                            new Span<float>(sumK + (nint)visible * widthRow, (keys - visible) * widthRow).Clear();
                        }
                        new PackedMatrix<V>(new MatrixSource(dyi, DY.Row, 1), queries, Width, visible, packedDY)
                            .Multiply(visible, queries, Width, p, 1, ScoreRow, sumV, widthRow, begun);
                        new PackedMatrix<V>(new MatrixSource(qi, Query.Row, 1), queries, Width, visible, packedQ)
                            .Multiply(visible, queries, Width, ds, 1, ScoreRow, sumK, widthRow, begun);
                        begun = true;
                    }
                    if (dq)
                    {
                        keyRows.Multiply(queries, visible, Width, ds, ScoreRow, 1, partQ, widthRow, accumulate: false);
                        Store(partQ, DQuery, batch, head, i, queries, add: j > firstKey);
                    }
                }
                if (!dkv)
                    continue;
                if (!begun)
                {
                    new Span<float>(sumV, keys * widthRow).Clear();
                    new Span<float>(sumK, keys * widthRow).Clear();
                }
                Store(sumV, DValue, batch, head, j, keys, add: false);
                Store(sumK, DKey, batch, head, j, keys, add: false);
            }
        }

        /// <summary>The scores of a row become its probabilities, the products dy vᵀ become dS.</summary>
        [MethodImpl(MethodImplOptions.NoInlining)]
        private readonly void Softmax(float* p, float* ds, int own, int visible, float lse, float d)
        {
            // Beyond 2^24 lse is rounded by more than exponents bear: lowered by what it may be off, the greatest score
            // has a probability of 1, which none can exceed.
            if (MathF.Abs(lse) > 1 << 24)
                lse -= MathF.Abs(lse) / (1 << 22);
            V scale = V.Create(Scale), shift = V.Create(-lse), mean = V.Create(-d);
            for (int j = 0; j < own; j += V.Count)
            {
                V probability = VectorMath.Exp(V.MultiplyAdd(V.Load(p + j), scale, shift), most: 0);
                V.Store(p + j, probability);
                V.Store(ds + j, probability * scale * (V.Load(ds + j) + mean));
            }
            if (own < visible)
            {
                new Span<float>(p + own, visible - own).Clear();
                new Span<float>(ds + own, visible - own).Clear();
            }
        }

        private readonly void Store(float* rows, in HeadRows destination, int batch, int head, int first, int count, bool add)
        {
            float* to = destination.Head(batch, head) + first * destination.Row;
            Finish.Of(to, destination.Row, residual: add ? to : null).Store<V>(rows, PackedMatrix<V>.Padded(Width), 0, 0, count, Width);
        }

        private static float Dot(float* a, float* b, int count)
        {
            V sum = V.Zero;
            int i = 0;
            for (; i <= count - V.Count; i += V.Count)
                sum = V.MultiplyAdd(V.Load(a + i), V.Load(b + i), sum);
            if (i < count)
                sum = V.MultiplyAdd(V.LoadPartial(a + i, count - i), V.LoadPartial(b + i, count - i), sum);
            return V.Sum(sum);
        }
    }
}
