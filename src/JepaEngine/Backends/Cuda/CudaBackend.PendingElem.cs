using JepaEngine.Memory;

namespace JepaEngine.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    public override void PatchEmbed(in Operand pixels, PixelTransform? transform, in Operand? visible, in Operand weight, in Operand bias, in Operand dst) => throw new NotSupportedException("not yet on a GPU");
    public override void PatchEmbedWeightGrad(in Operand pixels, PixelTransform? transform, in Operand? visible, in Operand dy, in Operand dweight, bool accumulate) => throw new NotSupportedException("not yet on a GPU");
    public override void PatchEmbedPixelsGrad(in Operand dy, in Operand weight, in Operand dpixels) => throw new NotSupportedException("not yet on a GPU");
}
