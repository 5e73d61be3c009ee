using JepaEngine.Ops;
using JepaEngine.Tensors;

namespace JepaEngine.Nn;

/// <summary>Linear, exact GELU, Linear: the MLP of a transformer block.</summary>
public sealed class Mlp : Module
{
    private readonly Linear fc1, fc2;

    /// <summary>width → hidden → width.</summary>
    public Mlp(int width, int hidden, Func<int, Init>? weightInit = null, Init? biasInit = null)
    {
        fc1 = Child("fc1", new Linear(width, hidden, weightInit: weightInit?.Invoke(width), biasInit: biasInit));
        fc2 = Child("fc2", new Linear(hidden, width, weightInit: weightInit?.Invoke(hidden), biasInit: biasInit));
    }

    /// <summary>residual + the MLP of x [.., width]; the activation and the residual are part of the products.</summary>
    public Tensor Forward(Tensor x, Tensor? residual = null) => x.Mlp(fc1.Weight, fc1.Bias!, fc2.Weight, fc2.Bias!, residual);
}
