namespace JepaEngine.Primitives;

/// <summary>
/// Names one stream of random numbers: a seed and a stream number. The same key gives the same numbers on every device,
/// for any thread count.
/// </summary>
/// <param name="Seed">The run's seed.</param>
/// <param name="Stream">Which stream of that seed: a step, a layer, an episode.</param>
public readonly record struct PhiloxKey(ulong Seed, ulong Stream = 0)
{
    /// <summary>A key of its own for part <paramref name="index"/> of what this key is used for.</summary>
    public PhiloxKey Child(ulong index)
    {
        // Two rounds of splitmix64 keep children of neighbouring streams apart.
        ulong x = Stream + 0x9E3779B97F4A7C15 * (index + 1);
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return new PhiloxKey(Seed, x ^ (x >> 31));
    }
}

/// <summary>
/// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): counter-based, so that element i of a
/// stream is computed without its predecessors.
/// </summary>
public static class Philox
{
    private const uint M0 = 0xD2511F53, M1 = 0xCD9E8D57, W0 = 0x9E3779B9, W1 = 0xBB67AE85;

    /// <summary>The four words of block <paramref name="counter"/> of a stream.</summary>
    public static (uint X, uint Y, uint Z, uint W) Block(PhiloxKey key, ulong counter)
    {
        uint x = (uint)counter, y = (uint)(counter >> 32), z = (uint)key.Stream, w = (uint)(key.Stream >> 32);
        uint k0 = (uint)key.Seed, k1 = (uint)(key.Seed >> 32);
        for (int round = 0; round < 10; round++)
        {
            ulong p0 = (ulong)M0 * x, p1 = (ulong)M1 * z;
            (x, y, z, w) = ((uint)(p1 >> 32) ^ y ^ k0, (uint)p1, (uint)(p0 >> 32) ^ w ^ k1, (uint)p0);
            k0 += W0;
            k1 += W1;
        }
        return (x, y, z, w);
    }

    /// <summary>Element <paramref name="index"/> of a stream of numbers uniform in [0, 1), with 24 bits.</summary>
    public static float Uniform(PhiloxKey key, ulong index)
    {
        var block = Block(key, index >> 2);
        uint word = (index & 3) switch { 0 => block.X, 1 => block.Y, 2 => block.Z, _ => block.W };
        return (word >> 8) * (1f / (1 << 24));
    }

    /// <summary>Element <paramref name="index"/> of a stream of standard normal numbers (Box-Muller over pairs of words).</summary>
    public static double Normal(PhiloxKey key, ulong index)
    {
        var block = Block(key, index >> 2);
        (double even, double odd) = (index & 2) == 0 ? NormalPair(block.X, block.Y) : NormalPair(block.Z, block.W);
        return (index & 1) == 0 ? even : odd;
    }

    /// <summary>destination[i] = (float)Normal(key, i), four at the price of one block.</summary>
    public static void FillNormal(PhiloxKey key, Span<float> destination)
    {
        for (int i = 0; i < destination.Length; i += 4)
        {
            var (x, y, z, w) = Block(key, (ulong)i >> 2);
            (double even, double odd) = NormalPair(x, y);
            destination[i] = (float)even;
            if (i + 1 < destination.Length)
                destination[i + 1] = (float)odd;
            (even, odd) = NormalPair(z, w);
            if (i + 2 < destination.Length)
                destination[i + 2] = (float)even;
            if (i + 3 < destination.Length)
                destination[i + 3] = (float)odd;
        }
    }

    private static (double Even, double Odd) NormalPair(uint first, uint second)
    {
        // 1 - u is in (0, 1], so that the logarithm is finite.
        double radius = Math.Sqrt(-2 * Math.Log(1 - (first >> 8) * (1.0 / (1 << 24))));
        (double sin, double cos) = Math.SinCos(2 * Math.PI * ((second >> 8) * (1.0 / (1 << 24))));
        return (radius * cos, radius * sin);
    }
}
