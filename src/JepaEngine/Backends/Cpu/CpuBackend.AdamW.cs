using System.Runtime.CompilerServices;
using JepaEngine.Backends.Cpu.Simd;

namespace JepaEngine.Backends.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override void AdamW(in AdamWArena arena, in Operand step)
    {
        AdamWStep numbers = *(AdamWStep*)step.Address;
        double squaredNorm = *arena.SquaredNorm.As<double>();
        if (!double.IsFinite(squaredNorm))
            return;
        var kernel = new AdamWKernel
        {
            Parameter = arena.Parameter.As<float>(), Gradient = arena.Gradient.As<float>(),
            Moment1 = arena.Moment1.As<float>(), Moment2 = arena.Moment2.As<float>(),
            GradientScale = (float)numbers.GradientScale(squaredNorm), Gain1 = (float)(1 - numbers.Beta1), Gain2 = (float)(1 - numbers.Beta2),
            Beta2 = (float)numbers.Beta2, Epsilon = (float)numbers.Epsilon, RootScale = (float)(1 / Math.Sqrt(numbers.Correction2)),
            Decay = (float)(1 - numbers.LearningRate * numbers.WeightDecay), Rate = (float)(-numbers.LearningRate / numbers.Correction1),
        };
        Run(kernel, arena.Parameter.Count, PartElements);
        if (arena.Average is { } average)
            Ema(average, arena.Parameter, numbers.AverageDecay);
    }

    public override void Ema(in Operand average, in Operand value, double decay) =>
        Run(new EmaKernel { Average = average.As<float>(), Value = value.As<float>(), Gain = (float)(1 - decay) },
            average.Count, PartElements);

    public override void SumOfSquares(in Operand x, in Operand dst)
    {
        long parts = CeilDiv(x.Count, PartElements);
        Storage partials = Memory.Rent(parts * sizeof(double));
        Run(new SquareSum { X = x.As<float>(), Partials = partials.As<double>() }, x.Count, PartElements);
        *dst.As<double>() = TotalOf(partials, parts);
    }

    /// <summary>28 bytes of memory traffic a parameter and nothing else that counts.</summary>
    private struct AdamWKernel : IKernel
    {
        public float* Parameter, Gradient, Moment1, Moment2;
        public float GradientScale, Gain1, Gain2, Beta2, Epsilon, RootScale, Decay, Rate;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run<V>(int part, nint start, nint end) where V : struct, IVector<V>
        {
            float* parameter = Parameter, gradient = Gradient, moment1 = Moment1, moment2 = Moment2;
            V gradientScale = V.Create(GradientScale), gain1 = V.Create(Gain1), gain2 = V.Create(Gain2), beta2 = V.Create(Beta2);
            V epsilon = V.Create(Epsilon), rootScale = V.Create(RootScale), decay = V.Create(Decay), rate = V.Create(Rate);
            for (nint i = start; i < end; i += V.Count)
            {
                nint left = end - i;
                V g = Lanes.Load<V>(gradient + i, left) * gradientScale;
                V m = Lanes.Load<V>(moment1 + i, left), v = Lanes.Load<V>(moment2 + i, left);
                m = V.MultiplyAdd(g - m, gain1, m);
                v = V.MultiplyAdd(g * gain2, g, v * beta2);
                V direction = m / V.MultiplyAdd(V.Sqrt(v), rootScale, epsilon);
                Lanes.Store(moment1 + i, m, left);
                Lanes.Store(moment2 + i, v, left);
                Lanes.Store(parameter + i, V.MultiplyAdd(rate, direction, Lanes.Load<V>(parameter + i, left) * decay), left);
            }
        }
    }

    private struct EmaKernel : IKernel
    {
        public float* Average, Value;
        public float Gain;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run<V>(int part, nint start, nint end) where V : struct, IVector<V>
        {
            float* average = Average, value = Value;
            V gain = V.Create(Gain);
            for (nint i = start; i < end; i += V.Count)
            {
                // As a step towards the value: an average that has arrived stays.
                V a = Lanes.Load<V>(average + i, end - i);
                Lanes.Store(average + i, V.MultiplyAdd(gain, Lanes.Load<V>(value + i, end - i) - a, a), end - i);
            }
        }
    }

    private struct SquareSum : IKernel
    {
        public float* X;
        public double* Partials;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run<V>(int part, nint start, nint end) where V : struct, IVector<V>
        {
            double sum = 0;
            for (nint i = start; i < end;)
            {
                V s0 = V.Zero, s1 = V.Zero, s2 = V.Zero, s3 = V.Zero;
                nint stop = Math.Min(end, i + 4096);
                for (; i <= stop - 4 * V.Count; i += 4 * V.Count)
                {
                    V x0 = V.Load(X + i), x1 = V.Load(X + i + V.Count), x2 = V.Load(X + i + 2 * V.Count), x3 = V.Load(X + i + 3 * V.Count);
                    s0 = V.MultiplyAdd(x0, x0, s0);
                    s1 = V.MultiplyAdd(x1, x1, s1);
                    s2 = V.MultiplyAdd(x2, x2, s2);
                    s3 = V.MultiplyAdd(x3, x3, s3);
                }
                for (; i < stop; i += V.Count)
                {
                    V x = Lanes.Load<V>(X + i, stop - i);
                    s0 = V.MultiplyAdd(x, x, s0);
                }
                sum += V.Sum((s0 + s1) + (s2 + s3));
            }
            Partials[part] = sum;
        }
    }
}
