namespace JepaEngine.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    private static readonly Kernel AffineForward = new("elementwise", "affine_forward", Threads: 256);

    public override void Affine(in Operand x, double scale, double shift, in Operand dst) =>
        Elementwise(AffineForward, new ElementwiseArgs { Scale = (float)scale, Shift = (float)shift }, x, dst);
}
