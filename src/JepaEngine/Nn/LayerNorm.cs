using JepaEngine.Ops;
using JepaEngine.Tensors;

namespace JepaEngine.Nn;

/// <summary>Normalises the last dimension, with weight (from 1) and bias (from 0).</summary>
public sealed class LayerNorm : Module
{
    private readonly double eps;
    private readonly Parameter weight, bias;

    /// <summary>Over <paramref name="width"/> features.</summary>
    public LayerNorm(int width, double eps)
    {
        this.eps = eps;
        weight = Trained("weight", [width], new Init.Constant(1));
        bias = Trained("bias", [width], new Init.Constant(0));
    }

    /// <summary>x [.., width], same shape.</summary>
    public Tensor Forward(Tensor x) => x.LayerNorm(weight, bias, eps);
}
