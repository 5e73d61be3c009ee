using JepaEngine.Ops;
using JepaEngine.Tensors;

namespace JepaEngine.Nn;

/// <summary>Dropout in training, nothing in evaluation.</summary>
public sealed class Dropout(double rate) : Module
{
    /// <summary>The key decides which elements fall; give each layer of each step its own.</summary>
    public Tensor Forward(Tensor x, PhiloxKey key) => Training && rate > 0 ? x.Dropout(rate, key) : x;
}
