using JepaEngine.Autograd;
using JepaEngine.Backends;
using JepaEngine.Devices;
using JepaEngine.Tensors;

namespace JepaEngine.Ops;

public static partial class TensorOps
{
    /// <summary>
    /// Rotary positions of queries or keys x [B, N, H, E]: y[2k] = x[2k] cos[2k] − x[2k+1] sin[2k] and y[2k+1] = x[2k+1] cos[2k+1] + x[2k] sin[2k+1], with
    /// cos and sin [B, N, E], or [1, N, E] for all. A rotation only where the angles of 2k and 2k+1 are equal: in V-JEPA 2 (arXiv 2506.09985) they are
    /// not, since its table repeats as a whole; in V-JEPA 2.1 they are. Cosine 1 and sine 0 leave an element as it is.
    /// </summary>
    /// <param name="x">May be a slice of packed projections: only its last stride is 1.</param>
    /// <param name="cos">The angles' cosines, in the dtype of statistics, as a bf16 cosine would turn distant tokens alike.</param>
    /// <param name="sin">Their sines.</param>
    /// <exception cref="ArgumentException">The shapes do not fit, E is odd, or a table requires a gradient.</exception>
    public static Tensor Rotary(this Tensor x, Tensor cos, Tensor sin)
    {
        RequireTables("Rotary", x, cos, sin);
        TensorScope scope = Op.ScopeWithRaw("Rotary", x, cos, sin);
        x = WithUnitHeads(x);
        Operand c = Table(cos, x), s = Table(sin, x);
        Tensor y = scope.Empty(x.Shape, x.DType);
        Backend backend = x.Backend;
        backend.Rotary(x.Operand, c, s, transposed: false, y.Operand);
        if (Op.IsRecorded(scope, out Tape? tape, x))
            tape.Record(y, dy => tape.Contribute(x, dx => backend.Rotary(dy.Operand, c, s, transposed: true, dx)));
        return y;
    }

    private static void RequireTables(string operation, Tensor x, Tensor cos, Tensor sin)
    {
        Op.Require(x.Shape.Rank == 4 && x.Shape[3] % 2 == 0 && cos.Shape == sin.Shape && cos.Shape.Rank == 3
            && (cos.Shape[0] == x.Shape[0] || cos.Shape[0] == 1) && cos.Shape[1] == x.Shape[1] && cos.Shape[2] == x.Shape[3],
            $"{operation}: x {x.Shape}, cos {cos.Shape} and sin {sin.Shape} are not [B, N, H, E] with an even E and twice [B or 1, N, E]");
        Op.Require(!cos.RequiresGrad && !sin.RequiresGrad, $"{operation}: no gradient flows to the tables; give them without one (Detach)");
        Op.Require(cos.DType == x.Device.Statistics && sin.DType == cos.DType,
            $"{operation}: {cos} and {sin} are not in the {x.Device.Statistics} tables are kept in");
    }

    /// <summary>A table [1 or B, N, E] as x's [B, N, E].</summary>
    private static Operand Table(Tensor table, Tensor x)
    {
        Operand operand = WithUnitHeads(table).Operand;
        return operand with { Layout = operand.Layout.Broadcast(x.Shape.Without(2)) };
    }
}
