using JepaEngine.Tensors;

namespace JepaEngine.Ops;

/// <summary>
/// Every operation with the ways to call it. Parity, gradient checks, benchmarks and documents run over this list; nothing else lists
/// operations, and a test holds that none is missing.
/// </summary>
public static partial class OpTable
{
    /// <summary>All operations.</summary>
    public static IReadOnlyList<OpCase> All { get; } =
        [.. Products(), .. Rows(), .. Elementwise(), .. Reductions(), .. Views(), .. Memory(), .. Planning()];

    /// <summary>The operation of this name.</summary>
    /// <exception cref="KeyNotFoundException">There is none.</exception>
    public static OpCase Find(string name) => All.FirstOrDefault(op => op.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
        ?? throw new KeyNotFoundException($"no operation is called '{name}'; the table has {string.Join(", ", All.Select(op => op.Name))}");

    internal static OpInput Normal(string name, params Shape shape) => new(name, shape);

    private static OpInput Positive(string name, params Shape shape) => new(name, shape, OpInputKind.Positive);

    private static OpInput Ids(string name, Shape shape, int bound) => new(name, shape, OpInputKind.Ids) { Bound = bound };

    private static OpInput Constant(this OpInput input) => input with { HasGrad = false };

    /// <summary>Kept in the dtype of statistics, without a gradient.</summary>
    private static OpInput Statistic(this OpInput input) => input with { HasGrad = false, IsStatistic = true };

    private static OpInput Gapped(this OpInput input) => input with { Layout = OpInputLayout.Gapped };

    private static OpInput Transposed(this OpInput input) => input with { Layout = OpInputLayout.Transposed };

    private static OpSample Sample(string name, OpInput[] inputs, Func<Tensor[], Tensor> call) => new(name, inputs, (_, x) => call(x));

    private static OpSample Sample(string name, OpInput[] inputs, OpCall call) => new(name, inputs, call);

    /// <summary>The elements of the first input, each so many times.</summary>
    private static Func<Shape[], double> PerElement(double flops) => shapes => flops * shapes[0].Count;

    private static double NoFlops(Shape[] shapes) => 0;
}
