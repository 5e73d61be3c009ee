using System.Runtime.CompilerServices;
using JepaEngine.Backends.Cpu.Simd;

namespace JepaEngine.Backends.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override void Unary(UnaryOp op, in Operand x, in Operand dst)
    {
        switch (op)
        {
            case UnaryOp.Gelu: Map<Gelu>(x, dst); break;
            case UnaryOp.Silu: Map<Silu>(x, dst); break;
            case UnaryOp.Relu: Map<Relu>(x, dst); break;
            case UnaryOp.Square: Map<Square>(x, dst); break;
            case UnaryOp.Sqrt: Map<SquareRoot>(x, dst); break;
            case UnaryOp.Abs: Map<Absolute>(x, dst); break;
            case UnaryOp.Exp: Map<Exponential>(x, dst); break;
            default: throw new NotSupportedException(op.ToString());
        }
    }

    public override void UnaryGrad(UnaryOp op, in Operand x, in Operand dy, in Operand dx)
    {
        switch (op)
        {
            case UnaryOp.Gelu: MapGrad<Gelu>(x, dy, dx); break;
            case UnaryOp.Silu: MapGrad<Silu>(x, dy, dx); break;
            case UnaryOp.Relu: MapGrad<Relu>(x, dy, dx); break;
            case UnaryOp.Square: MapGrad<Square>(x, dy, dx); break;
            case UnaryOp.Sqrt: MapGrad<SquareRoot>(x, dy, dx); break;
            case UnaryOp.Abs: MapGrad<Absolute>(x, dy, dx); break;
            case UnaryOp.Exp: MapGrad<Exponential>(x, dy, dx); break;
            default: throw new NotSupportedException(op.ToString());
        }
    }

    private void Map<TFunction>(in Operand x, in Operand dst) where TFunction : IFunction =>
        Run(new MapKernel<TFunction> { X = x.As<float>(), Dst = dst.As<float>() }, x.Count, PartElements);

    private void MapGrad<TFunction>(in Operand x, in Operand dy, in Operand dx) where TFunction : IFunction =>
        Run(new MapGradKernel<TFunction> { X = x.As<float>(), Dy = dy.As<float>(), Dx = dx.As<float>() }, x.Count, PartElements);

    private struct MapKernel<TFunction> : IKernel where TFunction : IFunction
    {
        public float* X, Dst;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run<V>(int part, nint start, nint end) where V : struct, IVector<V>
        {
            float* x = X, dst = Dst;
            for (nint i = start; i < end; i += V.Count)
                Lanes.Store(dst + i, TFunction.Value(Lanes.Load<V>(x + i, end - i)), end - i);
        }
    }

    private struct MapGradKernel<TFunction> : IKernel where TFunction : IFunction
    {
        public float* X, Dy, Dx;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run<V>(int part, nint start, nint end) where V : struct, IVector<V>
        {
            float* x = X, dy = Dy, dx = Dx;
            for (nint i = start; i < end; i += V.Count)
            {
                V slope = TFunction.Derivative(Lanes.Load<V>(x + i, end - i));
                Lanes.Store(dx + i, Lanes.Load<V>(dy + i, end - i) * slope, end - i);
            }
        }
    }

    /// <summary>A function of one number and its derivative.</summary>
    private interface IFunction
    {
        static abstract V Value<V>(V x) where V : struct, IVector<V>;
        static abstract V Derivative<V>(V x) where V : struct, IVector<V>;
    }

    /// <summary>−1, 0 or 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Sign<V>(V x) where V : struct, IVector<V> =>
        V.IfLess(V.Zero, x, V.Create(1f), V.IfLess(x, V.Zero, V.Create(-1f), V.Zero));

    private readonly struct Gelu : IFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Value<V>(V x) where V : struct, IVector<V> => VectorMath.Gelu(x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Derivative<V>(V x) where V : struct, IVector<V>
        {
            VectorMath.Gelu(x, out V derivative);
            return derivative;
        }
    }

    private readonly struct Silu : IFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Value<V>(V x) where V : struct, IVector<V> => VectorMath.Silu(x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Derivative<V>(V x) where V : struct, IVector<V>
        {
            VectorMath.Silu(x, out V derivative);
            return derivative;
        }
    }

    private readonly struct Relu : IFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Value<V>(V x) where V : struct, IVector<V> => V.Max(V.Zero, x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Derivative<V>(V x) where V : struct, IVector<V> => V.IfLess(V.Zero, x, V.Create(1f), V.Zero);
    }

    private readonly struct Square : IFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Value<V>(V x) where V : struct, IVector<V> => x * x;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Derivative<V>(V x) where V : struct, IVector<V> => x + x;
    }

    private readonly struct SquareRoot : IFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Value<V>(V x) where V : struct, IVector<V> => V.Sqrt(x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Derivative<V>(V x) where V : struct, IVector<V> => V.Create(0.5f) / V.Sqrt(x);
    }

    private readonly struct Absolute : IFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Value<V>(V x) where V : struct, IVector<V> => V.Abs(x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Derivative<V>(V x) where V : struct, IVector<V> => Sign(x);
    }

    private readonly struct Exponential : IFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Value<V>(V x) where V : struct, IVector<V> => VectorMath.Exp(x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Derivative<V>(V x) where V : struct, IVector<V> => VectorMath.Exp(x);
    }
}
