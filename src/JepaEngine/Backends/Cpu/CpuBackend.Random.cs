using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using JepaEngine.Backends.Cpu.Simd;

namespace JepaEngine.Backends.Cpu;

internal sealed unsafe partial class CpuBackend
{
    /// <summary>Philox runs on 8 blocks of 4 numbers at once, one in a 64-bit lane, whatever the backend's vectors: it is exact.</summary>
    private const int Draws = 32;

    public override void RandomNormal(in Operand dst, PhiloxKey key, double mean, double std) =>
        Run(new RandomKernel<NormalDraw> { Key = key, Shift = mean, Scale = std, Dst = dst.As<float>() }, dst.Count, PartElements);

    public override void RandomUniform(in Operand dst, PhiloxKey key, double low, double high) =>
        Run(new RandomKernel<UniformDraw> { Key = key, Shift = low, Scale = high - low, Dst = dst.As<float>() }, dst.Count, PartElements);

    public override void Dropout(in Operand x, double rate, PhiloxKey key, in Operand dst)
    {
        // The smallest float that is not below the rate: comparing with it is comparing with the rate, as the numbers drawn are floats.
        float threshold = (float)rate;
        if (threshold < rate)
            threshold = MathF.BitIncrement(threshold);
        Run(new DropoutKernel { Key = key, X = x.As<float>(), Dst = dst.As<float>(), Threshold = threshold,
            Scale = (float)(1 / (1 - rate)) },
            x.Count, PartElements);
    }

    private struct RandomKernel<TDraw> : IKernel where TDraw : IDraw
    {
        public PhiloxKey Key;
        public double Shift, Scale;
        public float* Dst;

        [SkipLocalsInit]
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run<V>(int part, nint start, nint end) where V : struct, IVector<V>
        {
            float* numbers = stackalloc float[Draws];
            for (nint i = start; i < end; i += Draws)
            {
                Draw<TDraw>(Key, (ulong)i / 4, Shift, Scale, numbers);
                nint count = Math.Min(Draws, end - i);
                Buffer.MemoryCopy(numbers, Dst + i, count * sizeof(float), count * sizeof(float));
            }
        }
    }

    private struct DropoutKernel : IKernel
    {
        public PhiloxKey Key;
        public float* X, Dst;
        public float Threshold, Scale;

        [SkipLocalsInit]
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run<V>(int part, nint start, nint end) where V : struct, IVector<V>
        {
            float* numbers = stackalloc float[Draws];
            V threshold = V.Create(Threshold), scale = V.Create(Scale);
            for (nint i = start; i < end; i += Draws)
            {
                Draw<UniformDraw>(Key, (ulong)i / 4, 0, 1, numbers);
                for (nint j = 0; j < Draws && i + j < end; j += V.Count)
                {
                    nint left = end - i - j;
                    V kept = Lanes.Load<V>(X + i + j, left) * scale;
                    Lanes.Store(Dst + i + j, V.IfLess(V.Load(numbers + j), threshold, V.Zero, kept), left);
                }
            }
        }
    }

    /// <summary>Numbers from the four words of eight blocks.</summary>
    private interface IDraw
    {
        static abstract void Transform(ref Vector512<double> x, ref Vector512<double> y);
    }

    private readonly struct UniformDraw : IDraw
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Transform(ref Vector512<double> x, ref Vector512<double> y) { }
    }

    private readonly struct NormalDraw : IDraw
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Transform(ref Vector512<double> x, ref Vector512<double> y)
        {
            Vector512<double> radius = Vector512.Sqrt(Vector512.Create(-2.0) * Vector512.Log(Vector512<double>.One - x));
            (Vector512<double> sin, Vector512<double> cos) = Vector512.SinCos(Vector512.Create(2 * Math.PI) * y);
            (x, y) = (radius * cos, radius * sin);
        }
    }

    /// <summary>Elements 4 block .. 4 block + 31 of a stream: the words of <see cref="Philox.Block"/>, eight blocks at a time.</summary>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Draw<TDraw>(PhiloxKey key, ulong block, double shift, double scale, float* numbers) where TDraw : IDraw
    {
        Vector512<ulong> low = Vector512.Create<ulong>(uint.MaxValue), counter = Vector512.Create(block) + Vector512<ulong>.Indices;
        Vector512<ulong> m0 = Vector512.Create(0xD2511F53UL), m1 = Vector512.Create(0xCD9E8D57UL);
        Vector512<ulong> x = counter & low, y = counter >> 32,
            z = Vector512.Create(key.Stream & uint.MaxValue), w = Vector512.Create(key.Stream >> 32);
        uint k0 = (uint)key.Seed, k1 = (uint)(key.Seed >> 32);
        for (int round = 0; round < 10; round++)
        {
            Vector512<ulong> p0 = m0 * x, p1 = m1 * z;
            (x, y, z, w) = ((p1 >> 32) ^ y ^ Vector512.Create((ulong)k0), p1 & low, (p0 >> 32) ^ w ^ Vector512.Create((ulong)k1), p0 & low);
            k0 += 0x9E3779B9;
            k1 += 0xBB67AE85;
        }
        Vector512<double> unit = Vector512.Create(1.0 / (1 << 24));
        Vector512<double> a = Vector512.ConvertToDouble(x >> 8) * unit, b = Vector512.ConvertToDouble(y >> 8) * unit;
        Vector512<double> c = Vector512.ConvertToDouble(z >> 8) * unit, d = Vector512.ConvertToDouble(w >> 8) * unit;
        TDraw.Transform(ref a, ref b);
        TDraw.Transform(ref c, ref d);
        float* words = stackalloc float[Draws];
        Narrow(a, shift, scale, words);
        Narrow(b, shift, scale, words + 8);
        Narrow(c, shift, scale, words + 16);
        Narrow(d, shift, scale, words + 24);
        for (int i = 0; i < 8; i++)
            for (int word = 0; word < 4; word++)
                numbers[4 * i + word] = words[8 * word + i];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Narrow(Vector512<double> values, double shift, double scale, float* to)
    {
        values = Vector512.Create(shift) + Vector512.Create(scale) * values;
        Vector256.Narrow(values.GetLower(), values.GetUpper()).Store(to);
    }
}
