using JepaEngine.Memory;
using JepaEngine.Primitives;

namespace JepaEngine.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    public override void Copy(in Operand src, in Operand dst) => throw new NotSupportedException("not yet on a GPU");
    public override void Fill(in Operand dst, double value) => throw new NotSupportedException("not yet on a GPU");
    public override void RandomNormal(in Operand dst, PhiloxKey key, double mean, double std) => throw new NotSupportedException("not yet on a GPU");
    public override void RandomUniform(in Operand dst, PhiloxKey key, double low, double high) => throw new NotSupportedException("not yet on a GPU");
    public override void Dropout(in Operand x, double rate, PhiloxKey key, in Operand dst) => throw new NotSupportedException("not yet on a GPU");
    public override void PatchEmbed(in Operand pixels, PixelTransform? transform, in Operand? visible, in Operand weight, in Operand bias, in Operand dst) => throw new NotSupportedException("not yet on a GPU");
    public override void PatchEmbedWeightGrad(in Operand pixels, PixelTransform? transform, in Operand? visible, in Operand dy, in Operand dweight, bool accumulate) => throw new NotSupportedException("not yet on a GPU");
    public override void PatchEmbedPixelsGrad(in Operand dy, in Operand weight, in Operand dpixels) => throw new NotSupportedException("not yet on a GPU");
    public override void Unary(UnaryOp op, in Operand x, in Operand dst) => throw new NotSupportedException("not yet on a GPU");
    public override void UnaryGrad(UnaryOp op, in Operand x, in Operand dy, in Operand dx) => throw new NotSupportedException("not yet on a GPU");
    public override void Binary(BinaryOp op, in Operand a, in Operand b, in Operand dst) => throw new NotSupportedException("not yet on a GPU");
    public override void Affine(in Operand x, double scale, double shift, in Operand dst) => throw new NotSupportedException("not yet on a GPU");
    public override void GatedAdd(in Operand residual, in Operand gate, in Operand x, in Operand dst) => throw new NotSupportedException("not yet on a GPU");
    public override void Embedding(in Operand table, in Operand ids, in Operand dst) => throw new NotSupportedException("not yet on a GPU");
    public override void EmbeddingGrad(in Operand dy, in Operand ids, in Operand dtable) => throw new NotSupportedException("not yet on a GPU");
    public override void AdamW(in AdamWArena arena, in AdamWStep step) => throw new NotSupportedException("not yet on a GPU");
    public override void Ema(in Operand average, in Operand value, double decay) => throw new NotSupportedException("not yet on a GPU");
}
