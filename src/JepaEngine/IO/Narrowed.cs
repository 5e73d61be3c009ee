using System.Globalization;
using JepaEngine.Tensors;

namespace JepaEngine.IO;

/// <summary>Finds floats that become infinite only because another type has no room for them.</summary>
internal static class Narrowed
{
    /// <summary>Whether a type lacks numbers that another one has.</summary>
    public static bool Is(DType from, DType to) => from.IsFloat() && to.IsFloat() && from != to
        && (from == DType.F64 || to is DType.F16 or DType.BF16);

    /// <summary>What is wrong with a tensor that is not finite in a type; null where it was not finite
    /// before.</summary>
    public static string? Fault(string name, Tensor source, DType to)
    {
        foreach (double number in source.ToArray<double>())
        {
            if (double.IsFinite(number) && !double.IsFinite(As(number, to)))
            {
                string mend = to == DType.F16 ? "BF16 or F32" : to == DType.BF16 ? "F32" : "a smaller unit";
                return string.Create(CultureInfo.InvariantCulture, $"'{name}' holds {number:g6}, which is "
                    + $"infinite in {to}; take {mend}");
            }
        }
        return null;
    }

    private static double As(double number, DType dtype) => dtype switch
    {
        DType.F16 => (double)(Half)number,
        DType.BF16 => (float)(BFloat16)(float)number,
        DType.F32 => (float)number,
        _ => number,
    };
}
