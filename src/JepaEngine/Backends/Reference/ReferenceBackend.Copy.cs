namespace JepaEngine.Backends.Reference;

internal sealed unsafe partial class ReferenceBackend<T>
{
    public override void Copy(in Operand src, in Operand dst)
    {
        // A double holds every value of every dtype but I64, so that only integer to integer needs a way of its own.
        bool integers = IsInteger(src.DType) && IsInteger(dst.DType);
        Layout from = src.Layout, to = dst.Layout;
        long count = dst.Count;
        for (long i = 0; i < count; i++)
        {
            if (integers)
                StoreInteger(dst, to.IndexOf(i), LoadInteger(src, from.IndexOf(i)));
            else
                Store(dst, to.IndexOf(i), Load(src, from.IndexOf(i)));
        }
    }

    public override void Fill(in Operand dst, double value)
    {
        Layout to = dst.Layout;
        long count = dst.Count;
        for (long i = 0; i < count; i++)
            Store(dst, to.IndexOf(i), value);
    }

    private static bool IsInteger(DType dtype) => dtype is DType.I64 or DType.I32 or DType.U8;

    private static double Load(in Operand x, long index)
    {
        nint data = x.Storage.Pointer;
        return x.DType switch
        {
            DType.F64 => ((double*)data)[index],
            DType.F32 => ((float*)data)[index],
            DType.BF16 => ((BFloat16*)data)[index],
            DType.F16 => (double)((Half*)data)[index],
            _ => LoadInteger(x, index),
        };
    }

    private static long LoadInteger(in Operand x, long index)
    {
        nint data = x.Storage.Pointer;
        return x.DType switch
        {
            DType.I64 => ((long*)data)[index],
            DType.I32 => ((int*)data)[index],
            DType.U8 => ((byte*)data)[index],
            _ => throw new NotSupportedException($"{x.DType} is no integer"),
        };
    }

    /// <summary>Floats round to nearest (BF16 by way of F32); integers take the whole part, saturated.</summary>
    private static void Store(in Operand x, long index, double value)
    {
        nint data = x.Storage.Pointer;
        switch (x.DType)
        {
            case DType.F64: ((double*)data)[index] = value; break;
            case DType.F32: ((float*)data)[index] = (float)value; break;
            case DType.BF16: ((BFloat16*)data)[index] = (BFloat16)(float)value; break;
            case DType.F16: ((Half*)data)[index] = (Half)value; break;
            default: StoreInteger(x, index, long.CreateSaturating(value)); break;
        }
    }

    private static void StoreInteger(in Operand x, long index, long value)
    {
        nint data = x.Storage.Pointer;
        switch (x.DType)
        {
            case DType.I64: ((long*)data)[index] = value; break;
            case DType.I32: ((int*)data)[index] = int.CreateSaturating(value); break;
            case DType.U8: ((byte*)data)[index] = byte.CreateSaturating(value); break;
            default: throw new NotSupportedException($"{x.DType} is no integer");
        }
    }
}
