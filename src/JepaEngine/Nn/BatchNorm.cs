using JepaEngine.Ops;
using JepaEngine.Tensors;

namespace JepaEngine.Nn;

/// <summary>BatchNorm1d: momentum 0.1, eps 1e-5; batch statistics in training, running ones in evaluation.</summary>
public sealed class BatchNorm : Module
{
    private readonly Parameter weight, bias, runningMean, runningVariance;

    /// <summary>Over <paramref name="channels"/> features.</summary>
    public BatchNorm(int channels)
    {
        weight = Trained("weight", [channels], new Init.Constant(1));
        bias = Trained("bias", [channels], new Init.Constant(0));
        runningMean = Statistic("running_mean", [channels], new Init.Constant(0));
        runningVariance = Statistic("running_var", [channels], new Init.Constant(1));
    }

    /// <summary>x [.., channels], same shape.</summary>
    public Tensor Forward(Tensor x) => x.BatchNorm(weight, bias, runningMean, runningVariance, Training);
}
