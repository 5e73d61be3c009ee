using System.Runtime.CompilerServices;
using JepaEngine.Backends.Cpu.Simd;

namespace JepaEngine.Backends.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override void Loss(LossKind kind, in Operand prediction, in Operand target, in Operand dst)
    {
        double sum = kind switch
        {
            LossKind.MeanSquared => LossSum<Square>(prediction, target),
            LossKind.L1 => LossSum<Absolute>(prediction, target),
            LossKind.SmoothL1 => LossSum<SmoothLoss>(prediction, target),
            _ => throw new NotSupportedException(kind.ToString()),
        };
        *dst.As<float>() = (float)(sum / prediction.Count);
    }

    public override void LossGrad(LossKind kind, in Operand prediction, in Operand target, in Operand dloss, in Operand dprediction)
    {
        if (prediction.Count == 0)
            return;
        switch (kind)
        {
            case LossKind.MeanSquared: LossSlope<Square>(prediction, target, dloss, dprediction); break;
            case LossKind.L1: LossSlope<Absolute>(prediction, target, dloss, dprediction); break;
            case LossKind.SmoothL1: LossSlope<SmoothLoss>(prediction, target, dloss, dprediction); break;
            default: throw new NotSupportedException(kind.ToString());
        }
    }

    private double LossSum<TFunction>(in Operand prediction, in Operand target) where TFunction : IFunction
    {
        if (prediction.Count == 0)
            return 0;
        var nest = new Nest(prediction.Layout, target.Layout);
        Storage partials = Memory.Rent(nest.Runs * sizeof(double));
        Run(nest, new LossKernel<TFunction> { A = prediction.As<float>(), B = target.As<float>(), Partials = partials.As<double>() });
        return TotalOf(partials, nest.Runs);
    }

    private void LossSlope<TFunction>(in Operand prediction, in Operand target, in Operand dloss, in Operand dprediction)
        where TFunction : IFunction =>
        Run(new Nest(prediction.Layout, target.Layout, dprediction.Layout), new LossGradKernel<TFunction>
        {
            A = prediction.As<float>(), B = target.As<float>(), Slope = (float)((double)*dloss.As<float>() / prediction.Count),
            Dst = dprediction.As<float>(),
        });

    /// <summary>The sum over each run.</summary>
    private struct LossKernel<TFunction> : IRunKernel where TFunction : IFunction
    {
        public float* A, B;
        public double* Partials;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run<V>(in ElementRun run) where V : struct, IVector<V>
        {
            float* a = A + run.Offset[0], b = B + run.Offset[1];
            double total = 0;
            for (nint i = 0; i < run.Count;)
            {
                V sum = V.Zero;
                for (nint stop = Math.Min(run.Count, i + 4096); i < stop; i += V.Count)
                    sum += TFunction.Value(Lanes.Load<V>(a + i, run.Count - i) - Lanes.Load<V>(b + i, run.Count - i));
                total += V.Sum(sum);
            }
            Partials[run.Index] = total;
        }
    }

    private struct LossGradKernel<TFunction> : IRunKernel where TFunction : IFunction
    {
        public float* A, B, Dst;
        public float Slope;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run<V>(in ElementRun run) where V : struct, IVector<V>
        {
            float* a = A + run.Offset[0], b = B + run.Offset[1], dst = Dst + run.Offset[2];
            V slope = V.Create(Slope);
            for (nint i = 0; i < run.Count; i += V.Count)
            {
                nint left = run.Count - i;
                Lanes.Store(dst + i, TFunction.Derivative(Lanes.Load<V>(a + i, left) - Lanes.Load<V>(b + i, left)) * slope, left);
            }
        }
    }

    private readonly struct SmoothLoss : IFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Value<V>(V d) where V : struct, IVector<V>
        {
            V half = V.Create(0.5f), size = V.Abs(d);
            return V.IfLess(size, V.Create(1f), half * d * d, size - half);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Derivative<V>(V d) where V : struct, IVector<V> => V.Max(V.Create(-1f), V.Min(V.Create(1f), d));
    }
}
