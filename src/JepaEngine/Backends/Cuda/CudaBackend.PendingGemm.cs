using JepaEngine.Memory;

namespace JepaEngine.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    public override void MatMul(in Operand a, in Operand b, in Operand dst, in Epilogue epilogue) => throw new NotSupportedException("not yet on a GPU");
}
