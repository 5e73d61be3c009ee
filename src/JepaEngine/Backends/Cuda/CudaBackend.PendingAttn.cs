using JepaEngine.Memory;

namespace JepaEngine.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    public override void AttentionGrad(in Operand q, in Operand k, in Operand v, in Operand y, in Operand lse, in Operand dy, double scale, int causalBlock, in Operand dq, in Operand dk, in Operand dv) => throw new NotSupportedException("not yet on a GPU");
}
