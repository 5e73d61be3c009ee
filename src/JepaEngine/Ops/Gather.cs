using System.Runtime.CompilerServices;
using JepaEngine.Autograd;
using JepaEngine.Backends;
using JepaEngine.Devices;
using JepaEngine.Tensors;

namespace JepaEngine.Ops;

public static partial class TensorOps
{
    /// <summary>
    /// Rows of each batch by index, as the tokens that a mask keeps: x [B, N, D] and ids [B, K] (I32 or I64) give [B, K, D], at [b, k] row ids[b, k] of x[b].
    /// </summary>
    /// <exception cref="ArgumentException">The shapes do not fit or the ids are no integers.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An id is not below N.</exception>
    public static Tensor Gather(this Tensor x, Tensor ids)
    {
        Op.Require(x.Shape.Rank == 3, $"Gather: x {x.Shape} is not [B, N, D]");
        TensorScope scope = Op.ScopeWithRaw("Gather", ids, x);
        x = Op.Rows(x);
        Tensor rows = RowsOf("Gather", scope, ids, x.Shape[0], x.Shape[1]);
        Tensor y = scope.Empty([x.Shape[0], ids.Shape[1], x.Shape[2]], x.DType);
        Backend backend = y.Backend;
        backend.Embedding(Op.Matrix(x), rows.Operand, Op.Matrix(y));
        if (Op.IsRecorded(scope, out Tape? tape, x))
            tape.Record(y, dy => tape.Contribute(x, dx => backend.EmbeddingGrad(Op.Matrix(dy), rows.Operand, Op.Matrix(dx))));
        return y;
    }

    /// <summary>
    /// ids [M B, K] of <paramref name="count"/> tokens a batch as ids of all B · count: (m mod B) · count + ids[m, k], I64 [M B K]; M, the
    /// <paramref name="repeats"/>, is how often the batches follow one another.
    /// </summary>
    private static Tensor RowsOf(string operation, TensorScope scope, Tensor ids, int batches, int count, int repeats = 1,
        [CallerArgumentExpression(nameof(ids))] string argument = "")
    {
        Op.Require(ids.Shape.Rank == 2 && ids.Shape[0] == repeats * batches && ids.DType is DType.I32 or DType.I64,
            $"{operation}: {ids} is not I32 or I64 ids [{repeats * batches}, K]");
        long[] rows = ids.ToArray<long>();
        for (int i = 0; i < rows.Length; i++)
        {
            if ((ulong)rows[i] >= (ulong)count)
                throw new ArgumentOutOfRangeException(argument, rows[i],
                    $"{operation}: id {rows[i]} at [{i / ids.Shape[1]}, {i % ids.Shape[1]}] is not one of the tokens 0 to {count - 1}");
            rows[i] += (long)(i / ids.Shape[1] % batches) * count;
        }
        return scope.FromRaw<long>(rows, [rows.Length]);
    }
}
