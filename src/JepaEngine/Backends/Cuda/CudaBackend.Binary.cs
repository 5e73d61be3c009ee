namespace JepaEngine.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    private static readonly Kernel BinaryForward = new("elementwise", "binary_forward", Threads: 256);

    public override void Binary(BinaryOp op, in Operand a, in Operand b, in Operand dst) =>
        Elementwise(BinaryForward, new ElementwiseArgs { Op = (int)op }, a, b, dst);
}
