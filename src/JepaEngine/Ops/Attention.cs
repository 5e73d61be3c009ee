using JepaEngine.Autograd;
using JepaEngine.Backends;
using JepaEngine.Devices;
using JepaEngine.Tensors;

namespace JepaEngine.Ops;

public static partial class TensorOps
{
    /// <summary>
    /// softmax(q kᵀ/√E) v for each batch and head: q [B, Nq, H, E], k and v [B, Nk, H, E], result [B, Nq, H, E].
    /// Flash attention (arXiv 2205.14135): no Nq × Nk buffer exists, forward or backward.
    /// </summary>
    /// <param name="q">What asks.</param>
    /// <param name="k">What is compared with.</param>
    /// <param name="v">What is averaged.</param>
    /// <param name="causalBlock">
    /// 0: each query sees all keys. n &gt; 0: tokens come in blocks of n (1: plain causal; V-JEPA 2-AC: the 258 tokens of a frame), the last query stands
    /// where the last key does, and a query sees every key of its own block and of those before.
    /// </param>
    /// <param name="cos">
    /// With <paramref name="sin"/>, [B, N, E] or [1, N, E] and Nq = Nk = N: queries and keys are turned by rotary positions as they are read,
    /// with the numbers of <see cref="Rotary"/> on each but no pass over memory of their own.
    /// </param>
    /// <param name="sin">The sines of <paramref name="cos"/>'s angles.</param>
    /// <exception cref="ArgumentException">The shapes do not fit, one table is missing, or a table requires a gradient.</exception>
    public static Tensor Attention(this Tensor q, Tensor k, Tensor v, int causalBlock = 0, Tensor? cos = null, Tensor? sin = null)
    {
        Op.Require(q.Shape.Rank == 4 && k.Shape.Rank == 4 && k.Shape == v.Shape && q.Shape.With(1, 0) == k.Shape.With(1, 0),
            $"Attention: q {q.Shape}, k {k.Shape} and v {v.Shape} do not fit [B, N, H, E] with equal B, H and E");
        Op.Require(causalBlock >= 0, $"Attention: a causal block of {causalBlock} tokens; it is 0 (all keys are seen) or more");
        Op.Require(causalBlock == 0 || k.Shape[1] >= q.Shape[1],
            $"Attention: causal with {q.Shape[1]} queries but only {k.Shape[1]} keys leaves some without a key");
        Op.Require(cos is null == sin is null, $"Attention: one table of rotary positions without the other; give cosines and sines, or neither");
        TensorScope scope = Op.Scope("Attention", q, k, v);
        Operand? c = null, s = null;
        if (cos is not null && sin is not null)
        {
            Op.Require(q.Shape == k.Shape, $"Attention: tables of rotary positions are of queries and keys alike, but q is {q.Shape} and k {k.Shape}");
            RequireTables("Attention", q, cos, sin);
            scope = Op.ScopeWithRaw("Attention", q, k, v, cos, sin);
            (c, s) = (Table(cos, q), Table(sin, q));
        }
        q = WithUnitHeads(q);
        k = WithUnitHeads(k);
        v = WithUnitHeads(v);
        Tensor y = scope.Empty(q.Shape, q.DType), lse = scope.Empty([q.Shape[0], q.Shape[2], q.Shape[1]], scope.Device.Statistics);
        Backend backend = q.Backend;
        double scale = 1 / Math.Sqrt(q.Shape[3]);
        backend.Attention(q.Operand, k.Operand, v.Operand, scale, causalBlock, y.Operand, lse.Operand, c, s);
        if (Op.IsRecorded(scope, out Tape? tape, q, k, v))
        {
            tape.Record(y, dy =>
            {
                using var scratch = new GradScratch(tape);
                backend.AttentionGrad(q.Operand, k.Operand, v.Operand, y.Operand, lse.Operand, dy.Operand, scale, causalBlock,
                    scratch.Fresh(q), scratch.Fresh(k), scratch.Fresh(v), c, s);
            });
        }
        return y;
    }

    /// <summary>
    /// Attention of a sequence with itself from packed projections: qkv [B, N, 3·H·E] holds q, k and v one after the other, each head-major. The
    /// result is [B, N, H·E]. The slices are never copied, nor are their gradients.
    /// </summary>
    /// <param name="qkv">The packed projections.</param>
    /// <param name="heads">How many heads they hold.</param>
    /// <param name="causalBlock">As <see cref="Attention"/>'s.</param>
    /// <exception cref="ArgumentException">The last dimension is no multiple of 3 · heads.</exception>
    public static Tensor SelfAttention(this Tensor qkv, int heads, int causalBlock = 0)
    {
        Op.Require(qkv.Shape.Rank == 3 && heads > 0 && qkv.Shape[2] % (3 * heads) == 0, $"SelfAttention: {qkv.Shape} is not [B, N, 3·{heads}·E]");
        Op.Require(causalBlock >= 0, $"SelfAttention: a causal block of {causalBlock} tokens; it is 0 (all keys are seen) or more");
        TensorScope scope = Op.Scope("SelfAttention", qkv);
        qkv = WithUnitHeads(qkv);
        int batch = qkv.Shape[0], tokens = qkv.Shape[1], width = qkv.Shape[2] / 3, headWidth = width / heads;
        Tensor y = scope.Empty([batch, tokens, width], qkv.DType), lse = scope.Empty([batch, heads, tokens], scope.Device.Statistics);
        Backend backend = qkv.Backend;
        double scale = 1 / Math.Sqrt(headWidth);
        Shape split = [batch, tokens, heads, headWidth];
        backend.Attention(Part(qkv.Operand, 0, split), Part(qkv.Operand, 1, split), Part(qkv.Operand, 2, split), scale, causalBlock,
            Part(y.Operand, 0, split), lse.Operand);
        if (Op.IsRecorded(scope, out Tape? tape, qkv))
        {
            tape.Record(y, dy => tape.Contribute(qkv, dqkv => backend.AttentionGrad(
                Part(qkv.Operand, 0, split), Part(qkv.Operand, 1, split), Part(qkv.Operand, 2, split),
                Part(y.Operand, 0, split), lse.Operand, Part(dy.Operand, 0, split), scale, causalBlock,
                Part(dqkv, 0, split), Part(dqkv, 1, split), Part(dqkv, 2, split))));
        }
        return y;
    }

    /// <summary>The index-th [B, N, H, E] of the last dimension of x [B, N, k·H·E].</summary>
    private static Operand Part(Operand x, int index, in Shape split) => x with
    {
        Layout = new Layout(split, [x.Layout.Stride(0), x.Layout.Stride(1), split[3], 1], x.Layout.Offset + (long)index * split[2] * split[3]),
    };

    private static Tensor WithUnitHeads(Tensor x) => x.Layout.Stride(-1) == 1 ? x : x.Contiguous();
}
