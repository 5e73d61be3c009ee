using JepaEngine.Autograd;
using JepaEngine.Devices;
using JepaEngine.Tensors;

namespace JepaEngine.Ops;

public static partial class TensorOps
{
    /// <summary>Rows of a table [V, D] by index: ids [..] (I32 or I64) give [.., D].</summary>
    /// <exception cref="ArgumentException">The table is no matrix or the ids are no integers.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An id is outside the table.</exception>
    public static Tensor Embedding(this Tensor table, Tensor ids)
    {
        Op.Require(table.Shape.Rank == 2 && ids.DType is DType.I32 or DType.I64,
            $"Embedding: table {table.Shape} with ids {ids}; it takes a matrix and I32 or I64 ids");
        TensorScope scope = Op.ScopeWithRaw("Embedding", ids, table);
        long[] checkedIds = ids.ToArray<long>();
        foreach (long id in checkedIds)
            if ((ulong)id >= (ulong)table.Shape[0])
                throw new ArgumentOutOfRangeException(nameof(ids), id, $"Embedding: table {table.Shape} has no row {id}");
        table = Op.Rows(table);
        Span<int> lengths = stackalloc int[ids.Shape.Rank + 1];
        ids.Shape.CopyTo(lengths);
        lengths[^1] = table.Shape[1];
        Tensor y = scope.Empty(new Shape(lengths), table.DType);
        Operand flatIds = scope.FromRaw<long>(checkedIds, [checkedIds.Length]).Operand;
        table.Backend.Embedding(table.Operand, flatIds, Op.Matrix(y));
        if (Op.IsRecorded(scope, out Tape? tape, table))
            tape.Record(y, dy => tape.Contribute(table, dtable => table.Backend.EmbeddingGrad(Op.Matrix(dy), flatIds, dtable)));
        return y;
    }
}
