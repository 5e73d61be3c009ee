using JepaEngine.Backends;
using JepaEngine.Memory;
using JepaEngine.Primitives;

namespace JepaEngine.Benchmarks.Harness;

/// <summary>Operands of a shape that take turns: as many as make a third-level cache useless, drawn when first asked for.</summary>
/// <param name="memory">Where they live.</param>
/// <param name="shape">The shape of each.</param>
internal sealed class Ring(TensorScope memory, params int[] shape)
{
    private const long CacheBytes = 32L << 20;

    private Operand[]? operands;

    /// <summary>The operand whose turn it is, from 0.</summary>
    public Operand this[int turn] => (operands ??= Draw()) is var drawn ? drawn[turn % drawn.Length] : default;

    /// <summary>Uniform in 0.5 to 1.5, which is also a variance.</summary>
    private Operand[] Draw()
    {
        var one = new Shape(shape);
        long bytes = one.Count * sizeof(float);
        var drawn = new Operand[1 + 2 * CacheBytes / bytes];
        for (int i = 0; i < drawn.Length; i++)
        {
            drawn[i] = new Operand(memory.Rent(bytes), DType.F32, new Layout(one));
            Backend.For(memory.Device).RandomUniform(drawn[i], new PhiloxKey(1, (ulong)i), 0.5, 1.5);
        }
        return drawn;
    }
}
