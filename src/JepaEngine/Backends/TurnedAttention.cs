namespace JepaEngine.Backends;

/// <summary>
/// Attention with rotary positions where a kernel does not turn what it reads: queries and keys are turned into memory that is rented for the call,
/// and their gradients turned back from there.
/// </summary>
internal static class TurnedAttention
{
    /// <summary><see cref="Backend.Attention"/> with tables.</summary>
    public static void Forward(Backend backend, in Operand q, in Operand k, in Operand v, double scale, int causalBlock,
        in Operand dst, in Operand lse, in Operand cos, in Operand sin)
    {
        Storage turned = backend.Memory.Rent((q.Count + k.Count) * q.DType.Size());
        Operand query = At(turned, 0, q), key = At(turned, q.Count, k);
        backend.Rotary(q, cos, sin, transposed: false, query);
        backend.Rotary(k, cos, sin, transposed: false, key);
        backend.Attention(query, key, v, scale, causalBlock, dst, lse);
        backend.Memory.Return(turned);
    }

    /// <summary><see cref="Backend.AttentionGrad"/> with tables.</summary>
    public static void Gradient(Backend backend, in Operand q, in Operand k, in Operand v, in Operand y, in Operand lse,
        in Operand dy, double scale, int causalBlock, in Operand dq, in Operand dk, in Operand dv,
        in Operand cos, in Operand sin)
    {
        Storage turned = backend.Memory.Rent(2 * (q.Count + k.Count) * q.DType.Size());
        Operand query = At(turned, 0, q), key = At(turned, q.Count, k), dquery = At(turned, q.Count + k.Count, q), dkey = At(turned, 2 * q.Count + k.Count, k);
        backend.Rotary(q, cos, sin, transposed: false, query);
        backend.Rotary(k, cos, sin, transposed: false, key);
        backend.AttentionGrad(query, key, v, y, lse, dy, scale, causalBlock, dquery, dkey, dv);
        backend.Rotary(dquery, cos, sin, transposed: true, dq);
        backend.Rotary(dkey, cos, sin, transposed: true, dk);
        backend.Memory.Return(turned);
    }

    private static Operand At(Storage storage, long first, in Operand like) => new(storage, like.DType, new Layout(like.Shape, first));
}
