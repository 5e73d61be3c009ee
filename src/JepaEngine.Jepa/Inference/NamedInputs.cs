using JepaEngine.Tensors;

namespace JepaEngine.Jepa.Inference;

/// <summary>Inputs by name: those that are needed and missing, or given and not known, are refused with what the model takes.</summary>
internal sealed class NamedInputs(IReadOnlyDictionary<string, Tensor> tensors, string takes)
{
    private readonly HashSet<string> used = [];

    /// <summary>An input, or null.</summary>
    public Tensor? Optional(string name)
    {
        used.Add(name);
        return tensors.GetValueOrDefault(name);
    }

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

    /// <summary>Refuses inputs that nobody asked for.</summary>
    /// <exception cref="ArgumentException">There is one.</exception>
    public void RequireAllUsed()
    {
        string? unknown = tensors.Keys.FirstOrDefault(name => !used.Contains(name));
        if (unknown is not null)
            throw new ArgumentException($"input '{unknown}' is not known; the model takes {takes}");
    }
}
