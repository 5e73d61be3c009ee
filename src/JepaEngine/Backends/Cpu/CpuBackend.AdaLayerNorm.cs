namespace JepaEngine.Backends.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override void AdaLayerNorm(in Operand x, in Operand shift, in Operand scale, double eps,
        in Operand dst, in Operand mean, in Operand rstd)
    {
        var kernel = new Normalize
        {
            X = Rows(x, out nint xStride), XStride = xStride, Dst = Rows(dst, out nint dstStride), DstStride = dstStride,
            Weight = Rows(scale, out nint scaleStride), WeightStride = scaleStride, Base = 1,
            Bias = Rows(shift, out nint shiftStride), BiasStride = shiftStride,
            Mean = mean.As<float>(), Rstd = rstd.As<float>(), Width = (nint)Width(x), Eps = eps,
        };
        Run(kernel, mean.Count, PartOf(kernel.Width));
    }

    public override void AdaLayerNormGrad(in Operand x, in Operand scale, in Operand mean, in Operand rstd, in Operand dy,
        in Operand dx, bool accumulate, in Operand dshift, in Operand dscale)
    {
        var kernel = new NormalizeGrad
        {
            X = Rows(x, out nint xStride), XStride = xStride, Dy = Rows(dy, out nint dyStride), DyStride = dyStride,
            Dx = Rows(dx, out nint dxStride), DxStride = dxStride, Accumulate = accumulate,
            Weight = Rows(scale, out nint scaleStride), WeightStride = scaleStride, Base = 1,
            Dweight = Rows(dscale, out nint dscaleStride), DweightStride = dscaleStride,
            Dbias = Rows(dshift, out nint dshiftStride), DbiasStride = dshiftStride,
            Mean = mean.As<float>(), Rstd = rstd.As<float>(), Width = (nint)Width(x),
        };
        Run(kernel, mean.Count, PartOf(kernel.Width));
    }
}
