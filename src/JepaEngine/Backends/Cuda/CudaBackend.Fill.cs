namespace JepaEngine.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    private static readonly Kernel CopyFill = new("copy", "copy_fill", Threads: 256);

    public override void Fill(in Operand dst, double value)
    {
        if (dst.Count == 0)
            return;
        long bytes = dst.Count * dst.DType.Size();
        ulong element = Element(dst.DType, value);
        if (element == 0 && dst.Layout.IsContiguous)
        {
            context.Fill(dst.Address, 0, bytes);
            Interlocked.Add(ref bytesMoved, bytes);
            return;
        }
        var args = new CopyArgs { Nest = new Nest(WideBytes / dst.DType.Size(), dst), Value = element, To = (int)dst.DType };
        Launch(CopyFill, DType.F32, args.Nest.Grid, args, bytes);
    }

    /// <summary>The bits of a value in a dtype: floats rounded to the nearest, integers cut towards 0 and saturated.</summary>
    private static ulong Element(DType dtype, double value) => dtype switch
    {
        DType.F64 => BitConverter.DoubleToUInt64Bits(value),
        DType.F32 => BitConverter.SingleToUInt32Bits((float)value),
        DType.BF16 => ((BFloat16)(float)value).Bits,
        DType.F16 => BitConverter.HalfToUInt16Bits((Half)value),
        DType.I64 => (ulong)(long)value,
        DType.I32 => (uint)(int)value,
        _ => byte.CreateSaturating(value),
    };
}
