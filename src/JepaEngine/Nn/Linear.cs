using JepaEngine.Backends;
using JepaEngine.Ops;
using JepaEngine.Tensors;

namespace JepaEngine.Nn;

/// <summary>y = activation(x · weightᵀ + bias) + residual, with weight [outputs, inputs].</summary>
public sealed class Linear : Module
{
    /// <summary>A layer with PyTorch's default start (uniform within 1/√inputs) unless another is given.</summary>
    public Linear(int inputs, int outputs, bool bias = true, Init? weightInit = null, Init? biasInit = null)
    {
        Weight = Trained("weight", [outputs, inputs], weightInit ?? Init.FanInUniform(inputs));
        Bias = bias ? Trained("bias", [outputs], biasInit ?? Init.FanInUniform(inputs)) : null;
    }

    /// <summary>[outputs, inputs].</summary>
    public Parameter Weight { get; }

    /// <summary>[outputs], or null.</summary>
    public Parameter? Bias { get; }

    /// <summary>x [.., inputs] to [.., outputs].</summary>
    public Tensor Forward(Tensor x, Activation activation = Activation.None, Tensor? residual = null) =>
        x.Linear(Weight, Bias?.Value, activation, residual);
}
