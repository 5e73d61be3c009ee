using JepaEngine.Memory;

namespace JepaEngine.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    public override void LayerNorm(in Operand x, in Operand? weight, in Operand? bias, double eps, in Operand dst, in Operand mean, in Operand rstd) => throw new NotSupportedException("not yet on a GPU");
    public override void LayerNormGrad(in Operand x, in Operand? weight, in Operand mean, in Operand rstd, in Operand dy, in Operand dx, bool accumulate, in Operand? dweight, in Operand? dbias) => throw new NotSupportedException("not yet on a GPU");
    public override void AdaLayerNorm(in Operand x, in Operand shift, in Operand scale, double eps, in Operand dst, in Operand mean, in Operand rstd) => throw new NotSupportedException("not yet on a GPU");
    public override void AdaLayerNormGrad(in Operand x, in Operand scale, in Operand mean, in Operand rstd, in Operand dy, in Operand dx, bool accumulate, in Operand dshift, in Operand dscale) => throw new NotSupportedException("not yet on a GPU");
    public override void BatchNorm(in Operand x, in Operand weight, in Operand bias, in Operand runningMean, in Operand runningVariance, double momentum, double eps, in Operand dst, in Operand mean, in Operand rstd) => throw new NotSupportedException("not yet on a GPU");
    public override void BatchNormInference(in Operand x, in Operand weight, in Operand bias, in Operand runningMean, in Operand runningVariance, double eps, in Operand dst) => throw new NotSupportedException("not yet on a GPU");
    public override void BatchNormGrad(in Operand x, in Operand weight, in Operand mean, in Operand rstd, in Operand dy, in Operand dx, in Operand dweight, in Operand dbias) => throw new NotSupportedException("not yet on a GPU");
    public override void Sum(in Operand x, double scale, in Operand dst) => throw new NotSupportedException("not yet on a GPU");
    public override void Loss(LossKind kind, in Operand prediction, in Operand target, in Operand dst) => throw new NotSupportedException("not yet on a GPU");
    public override void LossGrad(LossKind kind, in Operand prediction, in Operand target, in Operand dloss, in Operand dprediction) => throw new NotSupportedException("not yet on a GPU");
    public override void NormalizeRows(in Operand dst) => throw new NotSupportedException("not yet on a GPU");
    public override void SigReg(in Operand u, int knots, in Operand dst) => throw new NotSupportedException("not yet on a GPU");
    public override void SigRegGrad(in Operand u, int knots, in Operand dloss, in Operand du) => throw new NotSupportedException("not yet on a GPU");
    public override void SumOfSquares(in Operand x, in Operand dst) => throw new NotSupportedException("not yet on a GPU");
}
