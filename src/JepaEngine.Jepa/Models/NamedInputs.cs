namespace JepaEngine.Jepa.Models;

/// <summary>Inputs by name: those that are needed and missing, or given and not known, are refused with what the model takes.</summary>
public sealed class NamedInputs
{
    private readonly IReadOnlyDictionary<string, Tensor> tensors;
    private readonly string takes;

    /// <summary>The inputs of a model that knows these names, one that ends with _ with any number behind it.</summary>
    /// <exception cref="ArgumentException">One is not known.</exception>
    /// <exception cref="ArgumentOutOfRangeException">One is empty.</exception>
    public NamedInputs(IReadOnlyDictionary<string, Tensor> tensors, string takes, params ReadOnlySpan<string> known)
    {
        (this.tensors, this.takes) = (tensors, takes);
        Check(tensors.Keys, takes, known);
        foreach ((string name, Tensor tensor) in tensors)
        {
            if (tensor.Shape.Count == 0)
            {
                throw new ArgumentOutOfRangeException(
                    name, $"input '{name}' {tensor.Shape} is empty; each length is 1 or more");
            }
        }
    }

    /// <summary>Refuses names that are not known.</summary>
    /// <exception cref="ArgumentException">One is not.</exception>
    internal static void Check(IEnumerable<string> names, string takes, params ReadOnlySpan<string> known)
    {
        foreach (string name in names)
            if (!known.Contains(name) && !known.Contains(name.TrimEnd("0123456789".ToCharArray())))
                throw new ArgumentException($"input '{name}' is not known; the model takes {takes}");
    }

    /// <summary>An input, or null.</summary>
    public Tensor? Optional(string name) => tensors.GetValueOrDefault(name);

    /// <summary>An input.</summary>
    /// <exception cref="ArgumentException">It is missing.</exception>
    public Tensor Needed(string name) => Optional(name) ?? throw new ArgumentException($"input '{name}' is missing; the model takes {takes}");

    /// <summary>The inputs of a name with 0, 1, 2 .. behind it, in order.</summary>
    /// <exception cref="ArgumentException">There is none, or one behind a gap.</exception>
    public IReadOnlyList<Tensor> Numbered(string prefix)
    {
        int given = tensors.Keys.Count(name => name.StartsWith(prefix, StringComparison.Ordinal));
        return [.. Enumerable.Range(0, Math.Max(1, given)).Select(i => Needed($"{prefix}{i}"))];
    }

    /// <summary>Whether one of the inputs begins so.</summary>
    public bool Any(string prefix) => tensors.Keys.Any(name => name.StartsWith(prefix, StringComparison.Ordinal));

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
