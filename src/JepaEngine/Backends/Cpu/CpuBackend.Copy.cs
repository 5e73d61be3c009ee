using System.Runtime.CompilerServices;
using JepaEngine.Backends.Cpu.Simd;

namespace JepaEngine.Backends.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override void Copy(in Operand src, in Operand dst)
    {
        if (dst.Count > 0)
            Run(new Nest(src.Layout, dst.Layout),
                new CopyKernel { Src = First(src), From = src.DType, Dst = First(dst), To = dst.DType });
    }

    public override void Fill(in Operand dst, double value)
    {
        if (dst.Count == 0)
            return;
        // The value in the destination's dtype, once, and then a copy from a layout that does not move.
        double element;
        Store(dst.DType, (byte*)&element, 1, &value, 1);
        Span<long> still = stackalloc long[dst.Shape.Rank];
        still.Clear();
        Run(new Nest(new Layout(dst.Shape, still, 0), dst.Layout),
            new CopyKernel { Src = (byte*)&element, From = dst.DType, Dst = First(dst), To = dst.DType });
    }

    /// <summary>The first element's address, whatever its type.</summary>
    private static byte* First(in Operand operand) => (byte*)operand.Storage.Pointer + operand.Layout.Offset * operand.DType.Size();

    private struct CopyKernel : IRunKernel
    {
        public byte* Src, Dst;
        public DType From, To;

        [SkipLocalsInit]
        public void Run<V>(in ElementRun run) where V : struct, IVector<V>
        {
            int fromSize = From.Size(), toSize = To.Size();
            byte* src = Src + run.Offset[0] * fromSize, dst = Dst + run.Offset[1] * toSize;
            nint srcStep = (nint)run.Step[0], dstStep = (nint)run.Step[1];
            if (From == To)
            {
                switch (fromSize)
                {
                    case 1: Move<byte>(src, srcStep, dst, dstStep, run.Count); break;
                    case 2: Move<short>(src, srcStep, dst, dstStep, run.Count); break;
                    case 4: Move<int>(src, srcStep, dst, dstStep, run.Count); break;
                    default: Move<long>(src, srcStep, dst, dstStep, run.Count); break;
                }
                return;
            }
            // By way of doubles, which hold every other dtype exactly but the largest I64.
            const int piece = 256;
            double* values = stackalloc double[piece];
            for (nint i = 0; i < run.Count; i += piece)
            {
                nint count = Math.Min(piece, run.Count - i);
                CpuBackend.Load(From, src + i * srcStep * fromSize, srcStep, values, count);
                CpuBackend.Store(To, dst + i * dstStep * toSize, dstStep, values, count);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Move<T>(byte* src, nint srcStep, byte* dst, nint dstStep, nint count) where T : unmanaged
    {
        T* from = (T*)src, to = (T*)dst;
        if (srcStep == 1 && dstStep == 1)
            Buffer.MemoryCopy(from, to, count * sizeof(T), count * sizeof(T));
        else if (srcStep == 0 && dstStep == 1)
            new Span<T>(to, (int)count).Fill(*from);
        else
            for (nint i = 0; i < count; i++)
                to[i * dstStep] = from[i * srcStep];
    }

    private static void Load(DType dtype, byte* src, nint step, double* values, nint count)
    {
        switch (dtype)
        {
            case DType.F32: Load<float>(src, step, values, count); break;
            case DType.F64: Load<double>(src, step, values, count); break;
            case DType.BF16: Load<BFloat16>(src, step, values, count); break;
            case DType.F16: Load<Half>(src, step, values, count); break;
            case DType.I64: Load<long>(src, step, values, count); break;
            case DType.I32: Load<int>(src, step, values, count); break;
            default: Load<byte>(src, step, values, count); break;
        }
    }

    private static void Store(DType dtype, byte* dst, nint step, double* values, nint count)
    {
        switch (dtype)
        {
            case DType.F32: Store<float>(dst, step, values, count); break;
            case DType.F64: Store<double>(dst, step, values, count); break;
            case DType.BF16: Store<BFloat16>(dst, step, values, count); break;
            case DType.F16: Store<Half>(dst, step, values, count); break;
            case DType.I64: Store<long>(dst, step, values, count); break;
            case DType.I32: Store<int>(dst, step, values, count); break;
            default: Store<byte>(dst, step, values, count); break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Load<T>(byte* src, nint step, double* values, nint count) where T : unmanaged
    {
        T* from = (T*)src;
        for (nint i = 0; i < count; i++)
        {
            T value = from[i * step];
            values[i] =
                typeof(T) == typeof(float) ? (float)(object)value
                : typeof(T) == typeof(double) ? (double)(object)value
                : typeof(T) == typeof(BFloat16) ? (BFloat16)(object)value
                : typeof(T) == typeof(Half) ? (double)(Half)(object)value
                : typeof(T) == typeof(long) ? (long)(object)value
                : typeof(T) == typeof(int) ? (int)(object)value
                : (byte)(object)value;
        }
    }

    /// <summary>Floats are rounded to the nearest; integers are cut towards 0 and saturate.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Store<T>(byte* dst, nint step, double* values, nint count) where T : unmanaged
    {
        T* to = (T*)dst;
        for (nint i = 0; i < count; i++)
        {
            double value = values[i];
            to[i * step] =
                typeof(T) == typeof(float) ? (T)(object)(float)value
                : typeof(T) == typeof(double) ? (T)(object)value
                : typeof(T) == typeof(BFloat16) ? (T)(object)(BFloat16)(float)value
                : typeof(T) == typeof(Half) ? (T)(object)(Half)value
                : typeof(T) == typeof(long) ? (T)(object)(long)value
                : typeof(T) == typeof(int) ? (T)(object)(int)value
                : (T)(object)byte.CreateSaturating(value);
        }
    }
}
