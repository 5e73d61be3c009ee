using System.Numerics;

namespace JepaEngine.Backends.Reference;

/// <summary>
/// The definition of every operation: plain loops in one type, sums in the order of the elements, any layout everywhere, slow on purpose.
/// In double it is the oracle; in float it is the straightforward implementation by whose rounding error the fast ones are judged.
/// </summary>
internal sealed partial class ReferenceBackend<T>(Allocator memory) : Backend(memory)
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public override string Description => $"reference {typeof(T).Name}";

    private static View<T> Of(in Operand operand) => new(operand);

    private static View<T>? Of(in Operand? operand) => operand is { } present ? new View<T>(present) : null;

    private static T Number(double value) => T.CreateTruncating(value);

    private static T Two => Number(2);

    /// <summary>Sees an operand as rows of its last dimension.</summary>
    private static (int Rows, int Columns) Rows(in Operand x)
    {
        int columns = x.Shape.Rank == 0 ? 1 : x.Shape[^1];
        return (columns == 0 ? 0 : (int)(x.Count / columns), columns);
    }
}
