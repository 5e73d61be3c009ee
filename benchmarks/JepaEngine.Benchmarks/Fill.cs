using JepaEngine.Memory;

namespace JepaEngine.Benchmarks;

/// <summary>Content for operands.</summary>
internal static unsafe class Fill
{
    /// <summary>Uniform in −1..1 over the operand's whole block.</summary>
    public static void Random(in Operand operand)
    {
        var random = new Random(1);
        float* x = operand.Storage.As<float>();
        for (long i = 0; i < operand.Count; i++)
            x[i] = 2 * random.NextSingle() - 1;
    }
}
