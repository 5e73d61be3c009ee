using System.Runtime.InteropServices;

namespace JepaEngine.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    private static readonly Kernel UnaryForward = new("elementwise", "unary_forward", Threads: 256);
    private static readonly Kernel UnaryGradient = new("elementwise", "unary_gradient", Threads: 256);

    [StructLayout(LayoutKind.Sequential)]
    private struct ElementwiseArgs
    {
        public Nest Nest;
        public float Scale, Shift;
        public int Op;
    }

    public override void Unary(UnaryOp op, in Operand x, in Operand dst) =>
        Elementwise(UnaryForward, new ElementwiseArgs { Op = (int)op }, x, dst);

    public override void UnaryGrad(UnaryOp op, in Operand x, in Operand dy, in Operand dx) =>
        Elementwise(UnaryGradient, new ElementwiseArgs { Op = (int)op }, x, dy, dx);

    /// <summary>Launches a kernel on the elements of operands of one shape and dtype, the destination last.</summary>
    private void Elementwise(in Kernel kernel, ElementwiseArgs args, params ReadOnlySpan<Operand> operands)
    {
        DType dtype = operands[^1].DType;
        if (operands[^1].Count == 0)
            return;
        args.Nest = new Nest(WideBytes / dtype.Size(), operands);
        Launch(kernel, dtype, args.Nest.Grid, args, operands[^1].Count * dtype.Size() * operands.Length);
    }
}
