using System.Runtime.CompilerServices;
using JepaEngine.Backends.Cpu.Simd;

namespace JepaEngine.Backends.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override void NormalizeRows(in Operand dst) =>
        Run(new NormalizeRowsKernel { Dst = Rows(dst, out nint stride), Stride = stride, Width = (nint)Width(dst) },
            dst.Shape.Without(-1).Count, PartOf(Width(dst)));

    public override void SigReg(in Operand u, int knots, in Operand dst)
    {
        int groups = u.Shape[0], samples = u.Shape[1], directions = u.Shape[2];
        Storage statistics = Memory.Rent((long)groups * directions * sizeof(float));
        Run(new SigRegKernel { U = u.As<float>(), Knots = knots, Samples = samples, Directions = directions,
            Statistics = statistics.As<float>() },
            groups * CeilDiv(directions, SigRegKernel.Strip), PartOf((long)samples * SigRegKernel.Strip * SigRegKernel.Cost));
        double sum = 0;
        for (long i = 0; i < (long)groups * directions; i++)
            sum += statistics.As<float>()[i];
        Memory.Return(statistics);
        *dst.As<float>() = (float)(sum / ((double)groups * directions));
    }

    public override void SigRegGrad(in Operand u, int knots, in Operand dloss, in Operand du)
    {
        int groups = u.Shape[0], samples = u.Shape[1], directions = u.Shape[2];
        Run(new SigRegKernel { U = u.As<float>(), Knots = knots, Samples = samples, Directions = directions, Du = du.As<float>(),
            Slope = *dloss.As<float>() / ((double)groups * directions) },
            groups * CeilDiv(directions, SigRegKernel.Strip), PartOf((long)samples * SigRegKernel.Strip * SigRegKernel.Cost));
    }

    private struct NormalizeRowsKernel : IKernel
    {
        public float* Dst;
        public nint Stride, Width;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run<V>(int part, nint start, nint end) where V : struct, IVector<V>
        {
            for (nint row = start; row < end; row++)
            {
                float* x = Dst + row * Stride;
                V squares = V.Zero;
                for (nint i = 0; i < Width; i += V.Count)
                {
                    V value = Lanes.Load<V>(x + i, Width - i);
                    squares = V.MultiplyAdd(value, value, squares);
                }
                V norm = V.Create((float)(1 / Math.Sqrt(V.Sum(squares))));
                for (nint i = 0; i < Width; i += V.Count)
                    Lanes.Store(x + i, Lanes.Load<V>(x + i, Width - i) * norm, Width - i);
            }
        }
    }

    /// <summary>
    /// Item = a group and a strip of its directions, one direction a lane. The angles u t_j are equally spaced, so one sine and cosine a
    /// sample suffices: the others follow by turning. The mean over the samples averages the error of the turns away.
    /// </summary>
    private struct SigRegKernel : IKernel
    {
        /// <summary>Directions in an item: a vector of the widest kind.</summary>
        public const int Strip = 16;

        /// <summary>What an element costs, in elements of a streaming kernel.</summary>
        public const int Cost = 16;

        public float* U, Du, Statistics;
        public int Knots;
        public nint Samples, Directions;
        public double Slope;

        [SkipLocalsInit]
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run<V>(int part, nint start, nint end) where V : struct, IVector<V>
        {
            nint strips = (Directions + Strip - 1) / Strip;
            float* cosines = stackalloc float[2 * Knots * V.Count], sines = cosines + Knots * V.Count;
            for (nint item = start; item < end; item++)
            {
                nint group = item / strips, first = item % strips * Strip, last = Math.Min(Directions, first + Strip);
                for (nint k = first; k < last; k += V.Count)
                {
                    nint left = last - k;
                    float* u = U + group * Samples * Directions + k;
                    Means<V>(u, left, cosines, sines);
                    if (Du == null)
                        Lanes.Store(Statistics + group * Directions + k, Statistic<V>(cosines, sines), left);
                    else
                        Gradient<V>(u, left, cosines, sines, Du + group * Samples * Directions + k);
                }
            }
        }

        private readonly double Spacing => 3.0 / (Knots - 1);

        /// <summary>φ_j: the characteristic function of the normal distribution.</summary>
        private readonly double Phi(int j) => Math.Exp(-0.5 * j * Spacing * j * Spacing);

        /// <summary>w_j φ_j.</summary>
        private readonly double Weight(int j) => (j == 0 || j == Knots - 1 ? 1 : 2) * Spacing * Phi(j);

        /// <summary>The means over the samples of cos(u t_j) and sin(u t_j).</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Means<V>(float* u, nint left, float* cosines, float* sines) where V : struct, IVector<V>
        {
            int knots = Knots;
            V spacing = V.Create((float)Spacing), portion = V.Create(1f / Samples);
            for (int i = 0; i < knots * V.Count; i += V.Count)
            {
                V.Store(cosines + i, V.Zero);
                V.Store(sines + i, V.Zero);
            }
            for (nint n = 0; n < Samples; n++)
            {
                VectorMath.SinCos(Lanes.Load<V>(u + n * Directions, left) * spacing, out V sin, out V cos);
                V s = V.Zero, c = V.Create(1f);
                for (int i = 0; i < knots * V.Count; i += V.Count)
                {
                    V.Store(cosines + i, V.Load(cosines + i) + c);
                    V.Store(sines + i, V.Load(sines + i) + s);
                    (c, s) = (c * cos - s * sin, V.MultiplyAdd(s, cos, c * sin));
                }
            }
            for (int i = 0; i < knots * V.Count; i += V.Count)
            {
                V.Store(cosines + i, V.Load(cosines + i) * portion);
                V.Store(sines + i, V.Load(sines + i) * portion);
            }
        }

        /// <summary>N Σ_j w_j φ_j [(c_j − φ_j)² + s_j²].</summary>
        private readonly V Statistic<V>(float* cosines, float* sines) where V : struct, IVector<V>
        {
            V sum = V.Zero;
            for (int j = 0; j < Knots; j++)
            {
                V c = V.Load(cosines + j * V.Count) - V.Create((float)Phi(j)), s = V.Load(sines + j * V.Count);
                sum = V.MultiplyAdd(V.MultiplyAdd(c, c, s * s), V.Create((float)(Samples * Weight(j))), sum);
            }
            return sum;
        }

        /// <summary>Σ_j 2 w_j φ_j t_j [s_j cos(u t_j) − (c_j − φ_j) sin(u t_j)]: N cancels the mean's 1/N.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Gradient<V>(float* u, nint left, float* cosines, float* sines, float* du) where V : struct, IVector<V>
        {
            int knots = Knots;
            for (int j = 0; j < knots; j++)
            {
                float* c = cosines + j * V.Count, s = sines + j * V.Count;
                V weight = V.Create((float)(2 * Weight(j) * j * Spacing * Slope));
                V.Store(c, (V.Create((float)Phi(j)) - V.Load(c)) * weight);
                V.Store(s, V.Load(s) * weight);
            }
            V spacing = V.Create((float)Spacing);
            for (nint n = 0; n < Samples; n++)
            {
                VectorMath.SinCos(Lanes.Load<V>(u + n * Directions, left) * spacing, out V sin, out V cos);
                V s = sin, c = cos, sum = V.Zero;
                for (int i = V.Count; i < knots * V.Count; i += V.Count)
                {
                    sum = V.MultiplyAdd(V.Load(cosines + i), s, V.MultiplyAdd(V.Load(sines + i), c, sum));
                    (c, s) = (c * cos - s * sin, V.MultiplyAdd(s, cos, c * sin));
                }
                Lanes.Store(du + n * Directions, sum, left);
            }
        }
    }
}
