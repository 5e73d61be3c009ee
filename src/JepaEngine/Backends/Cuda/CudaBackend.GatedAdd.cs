namespace JepaEngine.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    private static readonly Kernel GatedAddForward = new("elementwise", "gated_add_forward", Threads: 256);

    public override void GatedAdd(in Operand residual, in Operand gate, in Operand x, in Operand dst) =>
        Elementwise(GatedAddForward, default, residual, gate, x, dst);
}
