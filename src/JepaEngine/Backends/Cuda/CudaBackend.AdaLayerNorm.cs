namespace JepaEngine.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    private static readonly RowKernels AdaLayerNormForward = new("ada_layer_norm");
    private static readonly RowKernels AdaLayerNormGradient = new("ada_layer_norm_grad");

    public override void AdaLayerNorm(in Operand x, in Operand shift, in Operand scale, double eps, in Operand dst, in Operand mean, in Operand rstd)
    {
        if (dst.Count == 0)
            return;
        Rows from = new(x), shifts = new(shift), scales = new(scale), to = new(dst);
        var args = new LayerNormArgs
        {
            X = from.Address, XStride = from.Stride, Weight = scales.Address, WeightStride = scales.Stride, Bias = shifts.Address, BiasStride = shifts.Stride,
            Dst = to.Address, DstStride = to.Stride, Mean = mean.Address, Rstd = rstd.Address,
            Rows = from.Count, Columns = from.Width, Base = 1, Eps = (float)eps,
        };
        (Kernel kernel, int rows, _) = AdaLayerNormForward.For(x.DType, from.Width, from.Packs && shifts.Packs && scales.Packs && to.Packs);
        Launch(kernel, x.DType, new Grid(CeilDiv(from.Count, rows)), args, 4 * x.Count * x.DType.Size());
    }

    public override void AdaLayerNormGrad(in Operand x, in Operand scale, in Operand mean, in Operand rstd, in Operand dy,
        in Operand dx, bool accumulate, in Operand dshift, in Operand dscale)
    {
        if (x.Count == 0)
            return;
        Rows from = new(x), scales = new(scale), upstream = new(dy), to = new(dx), toShift = new(dshift), toScale = new(dscale);
        var args = new LayerNormGradArgs
        {
            X = from.Address, XStride = from.Stride, Weight = scales.Address, WeightStride = scales.Stride, Dy = upstream.Address, DyStride = upstream.Stride,
            Dx = to.Address, DxStride = to.Stride, Dweight = toScale.Address, DweightStride = toScale.Stride,
            Dbias = toShift.Address, DbiasStride = toShift.Stride, Mean = mean.Address, Rstd = rstd.Address,
            Rows = from.Count, Columns = from.Width, Base = 1, Accumulate = accumulate ? 1 : 0,
        };
        bool packs = from.Packs && scales.Packs && upstream.Packs && to.Packs && toShift.Packs && toScale.Packs;
        (Kernel kernel, int rows, _) = AdaLayerNormGradient.For(x.DType, from.Width, packs);
        Launch(kernel, x.DType, new Grid(CeilDiv(from.Count, rows)), args, (accumulate ? 7 : 6) * x.Count * x.DType.Size());
    }
}
