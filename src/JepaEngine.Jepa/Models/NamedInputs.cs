namespace JepaEngine.Jepa.Models;

/// <summary>Inputs by name: those that are needed and missing, or given and not known, are refused with what the model takes.</summary>
public sealed class NamedInputs
{
    private readonly IReadOnlyDictionary<string, Tensor> tensors;
    private readonly string takes;

    /// <summary>The inputs of a model that knows these names, one that ends with _ with any number behind it.</summary>
    /// <exception cref="ArgumentException">One is not known.</exception>
    public NamedInputs(IReadOnlyDictionary<string, Tensor> tensors, string takes, params ReadOnlySpan<string> known)
    {
        (this.tensors, this.takes) = (tensors, takes);
        foreach (string name in tensors.Keys)
            if (!known.Contains(name) && !known.Contains(name.TrimEnd("0123456789".ToCharArray())))
                throw new ArgumentException($"input '{name}' is not known; the model takes {takes}");
    }

    /// <summary>An input, or null.</summary>
    public Tensor? Optional(string name) => tensors.GetValueOrDefault(name);

    /// <summary>An input.</summary>
    /// <exception cref="ArgumentException">It is missing.</exception>
    public Tensor Needed(string name) => Optional(name) ?? throw new ArgumentException($"input '{name}' is missing; the model takes {takes}");

    /// <summary>An input of these lengths; 0 stands for any.</summary>
    /// <exception cref="ArgumentException">It is missing or of another shape.</exception>
    public Tensor Needed(string name, params ReadOnlySpan<int> lengths)
    {
        Tensor tensor = Needed(name);
        bool fits = tensor.Shape.Rank == lengths.Length;
        for (int i = 0; fits && i < lengths.Length; i++)
            fits = lengths[i] == 0 || tensor.Shape[i] == lengths[i];
        return fits ? tensor : throw new ArgumentException($"input '{name}' is {tensor.Shape}; the model takes {takes}");
    }
}
