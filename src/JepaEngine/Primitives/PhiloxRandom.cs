namespace JepaEngine.Primitives;

/// <summary>
/// Draws one number after another from a Philox stream, for code that is not a kernel: environments, samplers, policies.
/// Each draw takes one block, so that draws of different kinds mix freely.
/// </summary>
public sealed class PhiloxRandom(PhiloxKey key)
{
    private ulong next;

    /// <summary>A generator for a seed.</summary>
    public PhiloxRandom(ulong seed) : this(new PhiloxKey(seed)) { }

    /// <summary>Uniform in [0, 1).</summary>
    public float NextUniform() => Philox.Uniform(key, next++ << 2);

    /// <summary>Uniform in [low, high).</summary>
    public float NextUniform(float low, float high) => low + (high - low) * NextUniform();

    /// <summary>Standard normal.</summary>
    public float NextNormal() => (float)Philox.Normal(key, next++ << 2);

    /// <summary>Uniform in 0..bound-1.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="bound"/> is not positive.</exception>
    public int NextInt(int bound)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bound);
        var block = Philox.Block(key, next++);
        // 64 random bits times the bound: the bias is below 2^-32.
        return (int)Math.BigMul(((ulong)block.X << 32) | block.Y, (ulong)bound, out _);
    }
}
