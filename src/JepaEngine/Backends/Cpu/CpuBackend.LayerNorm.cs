using System.Runtime.CompilerServices;
using JepaEngine.Backends.Cpu.Simd;

namespace JepaEngine.Backends.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override void LayerNorm(in Operand x, in Operand? weight, in Operand? bias, double eps,
        in Operand dst, in Operand mean, in Operand rstd)
    {
        var kernel = new Normalize
        {
            X = Rows(x, out nint xStride), XStride = xStride, Dst = Rows(dst, out nint dstStride), DstStride = dstStride,
            Weight = weight is { } w ? w.As<float>() : null, Bias = bias is { } b ? b.As<float>() : null,
            Mean = mean.As<float>(), Rstd = rstd.As<float>(), Width = (nint)Width(x), Eps = eps,
        };
        Run(kernel, mean.Count, PartOf(kernel.Width));
    }

    public override void LayerNormGrad(in Operand x, in Operand? weight, in Operand mean, in Operand rstd, in Operand dy,
        in Operand dx, bool accumulate, in Operand? dweight, in Operand? dbias)
    {
        var kernel = new NormalizeGrad
        {
            X = Rows(x, out nint xStride), XStride = xStride, Dy = Rows(dy, out nint dyStride), DyStride = dyStride,
            Dx = Rows(dx, out nint dxStride), DxStride = dxStride, Accumulate = accumulate,
            Weight = weight is { } w ? w.As<float>() : null,
            Mean = mean.As<float>(), Rstd = rstd.As<float>(), Width = (nint)Width(x),
        };
        long rows = mean.Count, width = kernel.Width, rowsPerPart = Math.Max(PartOf(width), CeilDiv(rows, MaxPartials));
        if (dweight is not { } dw || dbias is not { } db)
        {
            Run(kernel, rows, rowsPerPart);
            return;
        }
        long parts = CeilDiv(rows, rowsPerPart);
        Storage partials = Memory.Rent(parts * 2 * width * sizeof(float));
        kernel.Dweight = partials.As<float>();
        kernel.Dbias = kernel.Dweight + width;
        kernel.DweightStride = kernel.DbiasStride = 2 * (nint)width;
        kernel.SumsOverPart = true;
        Run(kernel, rows, rowsPerPart);
        AddRows(kernel.Dweight, parts, 2 * width, width, 1, dw.As<float>());
        AddRows(kernel.Dbias, parts, 2 * width, width, 1, db.As<float>());
        Memory.Return(partials);
    }

    /// <summary>A row's mean and 1/√(variance + eps), in two passes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (float Mean, float Rstd) RowStatistics<V>(float* x, nint width, double eps) where V : struct, IVector<V>
    {
        float mean = SumOf<V>(x, width) / width;
        V m = V.Create(mean), s0 = V.Zero, s1 = V.Zero, s2 = V.Zero, s3 = V.Zero;
        nint i = 0;
        for (; i <= width - 4 * V.Count; i += 4 * V.Count)
        {
            V d0 = V.Load(x + i) - m, d1 = V.Load(x + i + V.Count) - m;
            V d2 = V.Load(x + i + 2 * V.Count) - m, d3 = V.Load(x + i + 3 * V.Count) - m;
            s0 = V.MultiplyAdd(d0, d0, s0);
            s1 = V.MultiplyAdd(d1, d1, s1);
            s2 = V.MultiplyAdd(d2, d2, s2);
            s3 = V.MultiplyAdd(d3, d3, s3);
        }
        for (; i < width; i += V.Count)
        {
            V d = Lanes.Keep(Lanes.Load<V>(x + i, width - i) - m, width - i);
            s0 = V.MultiplyAdd(d, d, s0);
        }
        return (mean, (float)(1 / Math.Sqrt(V.Sum((s0 + s1) + (s2 + s3)) / width + eps)));
    }

    /// <summary>LayerNorm and AdaLayerNorm: dst = x̂ (Base + weight) + bias, where weight and bias stay or move from row to row.</summary>
    private struct Normalize : IKernel
    {
        public float* X, Weight, Bias, Dst, Mean, Rstd;
        public nint XStride, WeightStride, BiasStride, DstStride, Width;
        public float Base;
        public double Eps;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run<V>(int part, nint start, nint end) where V : struct, IVector<V>
        {
            nint width = Width;
            for (nint row = start; row < end; row++)
            {
                float* x = X + row * XStride, dst = Dst + row * DstStride;
                (float mean, float rstd) = RowStatistics<V>(x, width, Eps);
                Mean[row] = mean;
                Rstd[row] = rstd;

                // The row stays in L1 for this third pass.
                V m = V.Create(mean), r = V.Create(rstd);
                if (Weight == null)
                {
                    for (nint i = 0; i < width; i += V.Count)
                        Lanes.Store(dst + i, (Lanes.Load<V>(x + i, width - i) - m) * r, width - i);
                    continue;
                }
                float* weight = Weight + row * WeightStride, bias = Bias + row * BiasStride;
                V b = V.Create(Base);
                for (nint i = 0; i < width; i += V.Count)
                {
                    nint left = width - i;
                    V normal = (Lanes.Load<V>(x + i, left) - m) * r;
                    Lanes.Store(dst + i, V.MultiplyAdd(normal, b + Lanes.Load<V>(weight + i, left), Lanes.Load<V>(bias + i, left)), left);
                }
            }
        }
    }

    /// <summary>
    /// With g = dy (Base + weight): dx = rstd (g − mean(g) − x̂ mean(g x̂)); dweight = dy x̂ and dbias = dy, summed over the rows
    /// of a part or row by row. One pass over memory: a row is in L1 when dx needs it again.
    /// </summary>
    private struct NormalizeGrad : IKernel
    {
        public float* X, Weight, Mean, Rstd, Dy, Dx, Dweight, Dbias;
        public nint XStride, WeightStride, DyStride, DxStride, DweightStride, DbiasStride, Width;
        public float Base;
        public bool Accumulate, SumsOverPart;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run<V>(int part, nint start, nint end) where V : struct, IVector<V>
        {
            nint width = Width;
            V b = V.Create(Base), portion = V.Create(1f / width);
            for (nint row = start; row < end; row++)
            {
                float* x = X + row * XStride, dy = Dy + row * DyStride, dx = Dx + row * DxStride, weight = Weight + row * WeightStride;
                nint target = SumsOverPart ? part : row;
                float* dweight = Dweight + target * DweightStride, dbias = Dbias + target * DbiasStride;
                bool adds = SumsOverPart && row > start;
                V m = V.Create(Mean[row]), r = V.Create(Rstd[row]), sum = V.Zero, sumNormal = V.Zero;
                for (nint i = 0; i < width; i += V.Count)
                {
                    nint left = width - i;
                    V d = Lanes.Load<V>(dy + i, left), normal = (Lanes.Load<V>(x + i, left) - m) * r;
                    V g = Weight == null ? d : d * (b + Lanes.Load<V>(weight + i, left));
                    sum += g;
                    sumNormal = V.MultiplyAdd(g, normal, sumNormal);
                    if (Dweight != null)
                    {
                        Lanes.Store(dweight + i, adds ? V.MultiplyAdd(d, normal, Lanes.Load<V>(dweight + i, left)) : d * normal, left);
                        Lanes.Store(dbias + i, adds ? d + Lanes.Load<V>(dbias + i, left) : d, left);
                    }
                }
                V mean = V.Create(V.Sum(sum)) * portion, meanNormal = V.Create(V.Sum(sumNormal)) * portion;
                for (nint i = 0; i < width; i += V.Count)
                {
                    nint left = width - i;
                    V d = Lanes.Load<V>(dy + i, left), normal = (Lanes.Load<V>(x + i, left) - m) * r;
                    V g = Weight == null ? d : d * (b + Lanes.Load<V>(weight + i, left));
                    V result = (g - mean - normal * meanNormal) * r;
                    Lanes.Store(dx + i, Accumulate ? result + Lanes.Load<V>(dx + i, left) : result, left);
                }
            }
        }
    }
}
