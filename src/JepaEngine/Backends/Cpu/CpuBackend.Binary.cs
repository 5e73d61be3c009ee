using System.Runtime.CompilerServices;
using JepaEngine.Backends.Cpu.Simd;

namespace JepaEngine.Backends.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override void Binary(BinaryOp op, in Operand a, in Operand b, in Operand dst)
    {
        switch (op)
        {
            case BinaryOp.Add: Combine<Plus>(a, b, dst); break;
            case BinaryOp.Subtract: Combine<Minus>(a, b, dst); break;
            case BinaryOp.Multiply: Combine<Times>(a, b, dst); break;
            case BinaryOp.Divide: Combine<Over>(a, b, dst); break;
            default: throw new NotSupportedException(op.ToString());
        }
    }

    public override void Affine(in Operand x, double scale, double shift, in Operand dst)
    {
        if (dst.Count > 0)
            Run(new Nest(x.Layout, dst.Layout),
                new AffineKernel { X = x.As<float>(), Dst = dst.As<float>(), Scale = (float)scale, Shift = (float)shift });
    }

    public override void GatedAdd(in Operand residual, in Operand gate, in Operand x, in Operand dst)
    {
        if (dst.Count > 0)
            Run(new Nest(residual.Layout, gate.Layout, x.Layout, dst.Layout),
                new GatedAddKernel { Residual = residual.As<float>(), Gate = gate.As<float>(), X = x.As<float>(), Dst = dst.As<float>() });
    }

    private void Combine<TFunction>(in Operand a, in Operand b, in Operand dst) where TFunction : IBinaryFunction
    {
        if (dst.Count > 0)
            Run(new Nest(a.Layout, b.Layout, dst.Layout),
                new CombineKernel<TFunction> { A = a.As<float>(), B = b.As<float>(), Dst = dst.As<float>() });
    }

    /// <summary>The next vector of an operand that moves (step 1) or stays (step 0).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V LoadMoving<V>(float* source, nint i, long step, nint left) where V : struct, IVector<V> =>
        step == 0 ? V.Create(*source) : Lanes.Load<V>(source + i, left);

    private struct CombineKernel<TFunction> : IRunKernel where TFunction : IBinaryFunction
    {
        public float* A, B, Dst;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run<V>(in ElementRun run) where V : struct, IVector<V>
        {
            float* a = A + run.Offset[0], b = B + run.Offset[1], dst = Dst + run.Offset[2];
            long aStep = run.Step[0], bStep = run.Step[1], dstStep = run.Step[2];
            nint count = run.Count;
            if ((ulong)aStep <= 1 && (ulong)bStep <= 1 && dstStep == 1)
            {
                for (nint i = 0; i < count; i += V.Count)
                {
                    nint left = count - i;
                    Lanes.Store(dst + i, TFunction.Value(LoadMoving<V>(a, i, aStep, left), LoadMoving<V>(b, i, bStep, left)), left);
                }
                return;
            }
            for (nint i = 0; i < count; i++)
                V1.Store(dst + i * dstStep, TFunction.Value(V1.Load(a + i * aStep), V1.Load(b + i * bStep)));
        }
    }

    private struct AffineKernel : IRunKernel
    {
        public float* X, Dst;
        public float Scale, Shift;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run<V>(in ElementRun run) where V : struct, IVector<V>
        {
            float* x = X + run.Offset[0], dst = Dst + run.Offset[1];
            long xStep = run.Step[0], dstStep = run.Step[1];
            nint count = run.Count;
            if ((ulong)xStep <= 1 && dstStep == 1)
            {
                V scale = V.Create(Scale), shift = V.Create(Shift);
                for (nint i = 0; i < count; i += V.Count)
                    Lanes.Store(dst + i, V.MultiplyAdd(LoadMoving<V>(x, i, xStep, count - i), scale, shift), count - i);
                return;
            }
            for (nint i = 0; i < count; i++)
                dst[i * dstStep] = MathF.FusedMultiplyAdd(x[i * xStep], Scale, Shift);
        }
    }

    private struct GatedAddKernel : IRunKernel
    {
        public float* Residual, Gate, X, Dst;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run<V>(in ElementRun run) where V : struct, IVector<V>
        {
            float* residual = Residual + run.Offset[0], gate = Gate + run.Offset[1], x = X + run.Offset[2], dst = Dst + run.Offset[3];
            for (nint i = 0; i < run.Count; i += V.Count)
            {
                nint left = run.Count - i;
                // Rows have steps of 1; a row of one element has none, and then left is 1.
                V sum = V.MultiplyAdd(Lanes.Load<V>(gate + i, left), Lanes.Load<V>(x + i, left), Lanes.Load<V>(residual + i, left));
                Lanes.Store(dst + i, sum, left);
            }
        }
    }

    /// <summary>A function of two numbers.</summary>
    private interface IBinaryFunction
    {
        static abstract V Value<V>(V a, V b) where V : struct, IVector<V>;
    }

    private readonly struct Plus : IBinaryFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Value<V>(V a, V b) where V : struct, IVector<V> => a + b;
    }

    private readonly struct Minus : IBinaryFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Value<V>(V a, V b) where V : struct, IVector<V> => a - b;
    }

    private readonly struct Times : IBinaryFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Value<V>(V a, V b) where V : struct, IVector<V> => a * b;
    }

    private readonly struct Over : IBinaryFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Value<V>(V a, V b) where V : struct, IVector<V> => a / b;
    }
}
