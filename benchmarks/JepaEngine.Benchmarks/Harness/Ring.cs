using JepaEngine.Backends;
using JepaEngine.Memory;
using JepaEngine.Primitives;

namespace JepaEngine.Benchmarks.Harness;

/// <summary>Operands of a shape that take turns, as many as make a third-level cache useless. They are drawn at the first call, which is not timed.</summary>
/// <param name="memory">Where they live.</param>
/// <param name="shape">The shape of each.</param>
internal sealed class Ring(TensorScope memory, params int[] shape)
{
    private const long CacheBytes = 32L << 20;

    private Operand[]? operands;

    /// <summary>The least number; a second moment is not negative.</summary>
    public double Least { get; init; } = -1;

    /// <summary>The operand of a call.</summary>
    /// <param name="turn">Calls before it.</param>
    public Operand this[int turn]
    {
        get
        {
            operands ??= Draw();
            return operands[turn % operands.Length];
        }
    }

    /// <summary>Alike, uniform from the least number to 1.</summary>
    private Operand[] Draw()
    {
        Backend backend = memory.Device.Backend;
        var one = new Shape(shape);
        long bytes = one.Count * sizeof(float);
        var drawn = new Operand[1 + 2 * CacheBytes / bytes];
        for (int i = 0; i < drawn.Length; i++)
        {
            drawn[i] = new Operand(memory.Rent(bytes), DType.F32, new Layout(one));
            if (i == 0)
                backend.RandomUniform(drawn[0], new PhiloxKey(1), Least, 1);
            else
                backend.Copy(drawn[0], drawn[i]);
        }
        return drawn;
    }
}
