using System.Runtime.CompilerServices;
using JepaEngine.Backends.Cpu.Simd;

namespace JepaEngine.Backends.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override void LatentLoss(LossKind kind, in Operand prediction, in Operand targets, in Operand ids, double? eps,
        in Operand dst, in Operand? derivative)
    {
        double sum = kind switch
        {
            LossKind.MeanSquared => LatentSum<Square>(prediction, targets, ids, eps, derivative),
            LossKind.L1 => LatentSum<Absolute>(prediction, targets, ids, eps, derivative),
            LossKind.SmoothL1 => LatentSum<SmoothLoss>(prediction, targets, ids, eps, derivative),
            _ => throw new NotSupportedException(kind.ToString()),
        };
        *dst.As<float>() = (float)(sum / prediction.Count);
    }

    public override void LatentLossGrad(in Operand derivative, in Operand dloss, in Operand dprediction) =>
        Affine(derivative, *dloss.As<float>(), 0, dprediction);

    private double LatentSum<TFunction>(in Operand prediction, in Operand targets, in Operand ids, double? eps, in Operand? derivative)
        where TFunction : IFunction
    {
        long width = Width(prediction), rowsOfPart = PartOf(width), parts = CeilDiv(ids.Count, rowsOfPart);
        Storage partials = Memory.Rent(parts * sizeof(double));
        var kernel = new LatentLossKernel<TFunction>
        {
            Prediction = Rows(prediction, out nint stride), Stride = stride, Targets = Rows(targets, out nint targetStride), TargetStride = targetStride,
            Ids = new Indices(ids), Width = (nint)width, Normalizes = eps is not null, Eps = eps ?? 0, Slope = (float)(1.0 / prediction.Count),
            Derivative = derivative is { } d ? d.As<float>() : null, Partials = partials.As<double>(),
        };
        Run(kernel, ids.Count, rowsOfPart);
        return TotalOf(partials, parts);
    }

    /// <summary>The sum over each part's rows, and the derivative: a target row is in L1 when the difference needs it again.</summary>
    private struct LatentLossKernel<TFunction> : IKernel where TFunction : IFunction
    {
        public float* Prediction, Targets, Derivative;
        public double* Partials;
        public Indices Ids;
        public nint Stride, TargetStride, Width;
        public double Eps;
        public float Slope;
        public bool Normalizes;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run<V>(int part, nint start, nint end) where V : struct, IVector<V>
        {
            double total = 0;
            V slope = V.Create(Slope);
            for (nint row = start; row < end; row++)
            {
                float* prediction = Prediction + row * Stride, target = Targets + Ids[row] * TargetStride, derivative = Derivative + row * Width;
                (float mean, float rstd) = Normalizes ? RowStatistics<V>(target, Width, Eps) : (0, 1);
                V m = V.Create(mean), r = V.Create(rstd), sum = V.Zero;
                for (nint i = 0; i < Width; i += V.Count)
                {
                    nint left = Width - i;
                    V d = Lanes.Keep(Lanes.Load<V>(prediction + i, left) - (Lanes.Load<V>(target + i, left) - m) * r, left);
                    sum += TFunction.Value(d);
                    if (Derivative != null)
                        Lanes.Store(derivative + i, TFunction.Derivative(d) * slope, left);
                }
                total += V.Sum(sum);
            }
            Partials[part] = total;
        }
    }
}
