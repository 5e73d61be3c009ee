using System.Runtime.CompilerServices;
using JepaEngine.Backends.Cpu.Gemm;
using JepaEngine.Backends.Cpu.Simd;
using JepaEngine.Backends.Cpu.Workers;

namespace JepaEngine.Backends.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override void Attention(in Operand q, in Operand k, in Operand v, double scale, int causalBlock, in Operand dst, in Operand lse,
        in Operand? cos = null, in Operand? sin = null)
    {
        if (cos is { } c && sin is { } s)
            TurnedAttention.Forward(this, q, k, v, scale, causalBlock, dst, lse, c, s);
        else if (Isa == CpuIsa.Avx512)
            Attention<V512>(q, k, v, scale, causalBlock, dst, lse);
        else if (Isa == CpuIsa.Avx2)
            Attention<V256>(q, k, v, scale, causalBlock, dst, lse);
        else
            Attention<V1>(q, k, v, scale, causalBlock, dst, lse);
    }

    private void Attention<V>(in Operand q, in Operand k, in Operand v, double scale, int causalBlock, in Operand dst, in Operand lse)
        where V : struct, IVector<V>
    {
        var work = new AttentionWork<V>
        {
            Query = new HeadRows(q), Key = new HeadRows(k), Value = new HeadRows(v), Dst = new HeadRows(dst),
            Lse = lse.As<float>(), Heads = q.Shape[2], Queries = q.Shape[1], Keys = k.Shape[1],
            Sight = new Sight(causalBlock, q.Shape[1], k.Shape[1]), Width = q.Shape[3], Scale = (float)scale,
        };
        int heads = q.Shape[0] * q.Shape[2];
        double flops = 4.0 * heads * work.Queries * work.Keys * work.Width;
        int tall = (work.Queries + AttentionWork<V>.MaxQueries - 1) / AttentionWork<V>.MaxQueries;
        int blocks = Math.Max(tall, Math.Min(work.Queries / AttentionWork<V>.MinQueries, Parts(flops, Math.Max(1, heads))));
        int tiles = (work.Queries + Tile<V>.Rows - 1) / Tile<V>.Rows;
        work.BlockQueries = (tiles + blocks - 1) / Math.Max(1, blocks) * Tile<V>.Rows;
        work.Blocks = work.Queries == 0 ? 0 : (work.Queries + work.BlockQueries - 1) / work.BlockQueries;
        RunRanges(flops, heads * work.Blocks, ref work);
    }

    /// <summary>Work on items of which many make a part.</summary>
    private interface IRangeWork
    {
        void Run(int item);
    }

    private void RunRanges<TWork>(double flops, int items, ref TWork work) where TWork : struct, IRangeWork
    {
        var ranges = new RangeParts<TWork> { Work = work, Items = items, Parts = Math.Min(items, 4 * PartsPerWorker * Threads) };
        Run(flops, ranges.Parts, ref ranges);
    }

    private struct RangeParts<TWork> : IParallelWork where TWork : struct, IRangeWork
    {
        public TWork Work;
        public int Items, Parts;

        public void Run(int part, int worker)
        {
            int end = (int)((long)Items * (part + 1) / Parts);
            for (int item = (int)((long)Items * part / Parts); item < end; item++)
                Work.Run(item);
        }
    }

    /// <summary>A [B, N, H, E] operand whose rows of E lie along memory.</summary>
    private readonly struct HeadRows(in Operand operand)
    {
        private readonly float* data = operand.As<float>();
        private readonly nint batchStride = (nint)operand.Layout.Stride(0), headStride = (nint)operand.Layout.Stride(2);

        /// <summary>From one row of a head to the next.</summary>
        public readonly nint Row = (nint)operand.Layout.Stride(1);

        /// <summary>The first row of a head.</summary>
        public float* Head(int batch, int head) => data + batch * batchStride + head * headStride;
    }

    /// <summary>How many keys a query sees, from the first on; see <see cref="Backend.Attention"/> for the causal block.</summary>
    private readonly struct Sight(int causalBlock, int queries, int keys)
    {
        public int Of(int query)
        {
            int position = query + keys - queries;
            return causalBlock == 0 ? keys : position < 0 ? 0 : Math.Min(keys, (position / causalBlock + 1) * causalBlock);
        }
    }

    /// <summary>
    /// Flash attention (arXiv 2205.14135) for a block of queries of one head: keys and values are packed a block at a time, and each tile
    /// of queries takes its scores [8, 512] through the softmax while they are in L1.
    /// </summary>
    private struct AttentionWork<V> : IRangeWork where V : struct, IVector<V>
    {
        /// <summary>Keys a block: with 64 wide heads, packed keys and values take 256 KB of L2, a tile of scores 16 KB of L1.</summary>
        private const int KeyBlock = 512;

        /// <summary>
        /// Each block of queries packs all keys again: hence no smaller blocks, nor larger than L2 holds the outputs of. At 2048 tokens blocks of 320
        /// spend 11 % of the time on packing, one of 2048 spends 2 %.
        /// </summary>
        public const int MinQueries = 64, MaxQueries = 2048;

        /// <summary>e^x is taken as 2^(x log₂ e), where the scale costs nothing; below 2^−160 it is 0 in f32.</summary>
        private const float Log2E = 1.44269504f, LeastExponent = -160;

        /// <summary>Rows of scores must not lie 4 KiB apart, where they would evict each other.</summary>
        private const int ScoreRow = KeyBlock + 16;

        public HeadRows Query, Key, Value, Dst;
        public float* Lse;
        public int Heads, Queries, Keys, Width, BlockQueries, Blocks;
        public float Scale;
        public Sight Sight;

        public readonly void Run(int item)
        {
            int batch = item / Blocks / Heads, head = item / Blocks % Heads, first = item % Blocks * BlockQueries;
            Block(Query.Head(batch, head), Key.Head(batch, head), Value.Head(batch, head), Dst.Head(batch, head),
                Lse + (nint)(batch * Heads + head) * Queries, first, Math.Min(BlockQueries, Queries - first));
        }

        [SkipLocalsInit]
        private readonly void Block(float* q, float* k, float* v, float* dst, float* lse, int first, int count)
        {
            int keyBlock = Math.Min(KeyBlock, Keys), outputRow = PackedMatrix<V>.Padded(Width);
            nint keyFloats = PackedMatrix<V>.Floats(Width, keyBlock), valueFloats = PackedMatrix<V>.Floats(keyBlock, Width);
            int scoreFloats = Tile<V>.Rows * ScoreRow;
            float* packedKeys = Scratch.Of(keyFloats + valueFloats + scoreFloats + (nint)count * (outputRow + 2));
            float* packedValues = packedKeys + keyFloats, scores = packedValues + valueFloats, output = scores + scoreFloats;
            float* maxima = output + (nint)count * outputRow, sums = maxima + count;
            for (int i = 0; i < count; i++)
            {
                maxima[i] = float.NegativeInfinity;
                sums[i] = 0;
            }
            int seen = Sight.Of(first + count - 1);
            for (int start = 0; start < seen; start += KeyBlock)
            {
                int keys = Math.Min(KeyBlock, Keys - start);
                var packedK = new PackedMatrix<V>(new MatrixSource(k + start * Key.Row, 1, Key.Row), Width, keys, count, packedKeys);
                var packedV = new PackedMatrix<V>(new MatrixSource(v + start * Value.Row, Value.Row, 1), keys, Width, count, packedValues);
                for (int i = 0; i < count; i += Tile<V>.Rows)
                {
                    int rows = Math.Min(Tile<V>.Rows, count - i);
                    int visible = Math.Min(keys, Sight.Of(first + i + rows - 1) - start);
                    if (visible <= 0)
                        continue;
                    packedK.Multiply(rows, Width, visible, q + (first + i) * Query.Row, Query.Row, 1, scores, ScoreRow, accumulate: false);
                    for (int r = 0; r < rows; r++)
                    {
                        int own = Math.Min(visible, Sight.Of(first + i + r) - start);
                        float shrink = Softmax(scores + r * ScoreRow, own, visible, ref maxima[i + r], ref sums[i + r]);
                        if (start > 0 && shrink != 1)
                            Multiply(output + (i + r) * outputRow, outputRow, shrink);
                    }
                    packedV.Multiply(rows, visible, Width, scores, ScoreRow, 1, output + i * outputRow, outputRow, accumulate: start > 0);
                }
            }
            for (int i = 0; i < count; i++)
            {
                Divide(output + i * outputRow, sums[i], dst + (first + i) * Dst.Row);
                lse[first + i] = maxima[i] * Scale + MathF.Log(sums[i]);
            }
        }

        /// <summary>
        /// Turns the scores of a row into exponentials relative to the largest score so far, 0 from <paramref name="own"/> to
        /// <paramref name="visible"/>; gives the factor that brings what was summed before to the new largest.
        /// </summary>
        [MethodImpl(MethodImplOptions.NoInlining)]
        private readonly float Softmax(float* row, int own, int visible, ref float maximum, ref float sum)
        {
            int whole = own / V.Count * V.Count, rest = own - whole;
            if (own < visible)
                new Span<float>(row + Math.Max(own, 0), visible - Math.Max(own, 0)).Clear();
            if (own <= 0)
                return 1;
            // Two chains, as a maximum takes longer than a load.
            V rim = rest == 0 ? V.Load(row) : Tail.Mask<V>(V.Load(row + whole), rest), even = rim, odd = rim;
            int j = 0;
            for (; j <= whole - 2 * V.Count; j += 2 * V.Count)
            {
                even = V.Max(even, V.Load(row + j));
                odd = V.Max(odd, V.Load(row + j + V.Count));
            }
            if (j < whole)
                even = V.Max(even, V.Load(row + j));
            float before = maximum, now = Math.Max(before, V.MaxLane(V.Max(even, odd))), factor = Scale * Log2E;
            // Of scores of 1e10 the product with the factor is rounded by hundreds: what is rounded must be the
            // difference.
            V factors = V.Create(factor), most = V.Create(now), total = V.Zero;
            for (j = 0; j < whole; j += V.Count)
            {
                V p = VectorMath.Exp2(V.Max(V.Create(LeastExponent), (V.Load(row + j) - most) * factors));
                V.Store(row + j, p);
                total += p;
            }
            if (rest != 0)
            {
                V p = VectorMath.Exp2(V.Max(V.Create(LeastExponent), (rim - most) * factors));
                V.Store(row + whole, p);
                total += p;
            }
            float shrink = sum == 0 ? 0 : MathF.Exp((before - now) * Scale);
            maximum = now;
            sum = sum * shrink + V.Sum(total);
            return shrink;
        }

        private static void Multiply(float* row, int count, float factor)
        {
            V factors = V.Create(factor);
            for (int e = 0; e < count; e += V.Count)
                V.Store(row + e, V.Load(row + e) * factors);
        }

        private readonly void Divide(float* row, float sum, float* dst)
        {
            V factor = V.Create(1 / sum);
            int e = 0;
            for (; e <= Width - V.Count; e += V.Count)
                V.Store(dst + e, V.Load(row + e) * factor);
            if (e < Width)
                V.StorePartial(dst + e, V.Load(row + e) * factor, Width - e);
        }
    }
}
