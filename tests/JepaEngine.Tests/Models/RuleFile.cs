using System.Text;
using System.Text.Json;
using JepaEngine.IO;
using JepaEngine.Memory;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Tests.Models;

/// <summary>
/// A fixture of Fixtures/models: what PyTorch computes from weights and inputs that are not stored, because they follow a rule (the twin of
/// Fixtures/rule.py, to the bit).
/// <para>Number i (row-major, from 0) of the tensor NAME is u * scale + shift in float32, rounded after the product and after the sum:
/// h = splitmix64(fnv1a64(NAME in UTF-8) + i * 0x9E3779B97F4A7C15) modulo 2^64, splitmix64 being its finaliser alone; u = (h >> 40) * 2^-23 - 1,
/// exact, in [-1, 1). The first that fits gives scale and shift: names of input.action or input.state 1, 0; of input. 2, 0; names that hold
/// mask_token, query_tokens, pos_embed, position_embeddings, mod_embed or cls_token 0.5, 0; two dimensions or more sqrt(3 / product of all but the
/// first), 0; names that end in weight 0.2, 1; the rest 0.2, 0. The names of weights are the keys of the file they would stand in, prefixes included.</para>
/// </summary>
internal sealed class RuleFile : IDisposable
{
    /// <summary>Before the key of a weight that the fixture holds because it is not free: the sine tables.</summary>
    private const string Given = "state.";

    /// <summary>How far a double may be from a stored result, as a part of the largest value: the results are rounded to float32.</summary>
    public const double Rounding = 1e-7;

    private static readonly string[] Tables = ["mask_token", "query_tokens", "pos_embed", "position_embeddings", "mod_embed", "cls_token"];

    public RuleFile(string name)
    {
        Golden = new Golden("models/" + name);
        Keys = Shapes("keys");
        Inputs = Shapes("inputs");
    }

    /// <summary>The results, the masks and the configuration.</summary>
    public Golden Golden { get; }

    /// <summary>The state dict's keys, as in a published file, and the shapes.</summary>
    public IReadOnlyDictionary<string, Shape> Keys { get; }

    /// <summary>The inputs' names, which begin with "input.", and their shapes.</summary>
    public IReadOnlyDictionary<string, Shape> Inputs { get; }

    /// <summary>A tensor of the rule, row-major.</summary>
    public static float[] Numbers(string name, in Shape shape)
    {
        (float scale, float shift) = ScaleAndShift(name, shape);
        var numbers = new float[shape.Count];
        ulong state = Fnv1a64(name);
        for (int i = 0; i < numbers.Length; i++, state += 0x9E3779B97F4A7C15)
        {
            float u = (SplitMix64(state) >> 40) * (1f / (1 << 23)) - 1;
            float product = u * scale;
            numbers[i] = product + shift;
        }
        return numbers;
    }

    /// <summary>An input, by its name without "input.".</summary>
    public Tensor Input(string name, TensorScope scope)
    {
        Shape shape = Inputs["input." + name];
        return scope.From<float>(Numbers("input." + name, shape), shape);
    }

    /// <summary>A weight, by its key.</summary>
    public Tensor Weight(string key, TensorScope scope) => Golden.Has(Given + key)
        ? Golden.File.Read(Given + key, scope)
        : scope.From<float>(Numbers(key, Keys[key]), Keys[key]);

    /// <summary>The weights whose keys begin with a prefix, under what follows it.</summary>
    public List<(string Name, Tensor Tensor)> StateDict(TensorScope scope, string prefix = "") =>
        [.. Keys.Keys.Where(key => key.StartsWith(prefix, StringComparison.Ordinal)).Select(key => (key[prefix.Length..], Weight(key, scope)))];

    /// <summary>Writes them as a safetensors file.</summary>
    public void Write(string path, string prefix = "")
    {
        using var scope = new TensorScope(Device.ReferenceF32, "state dict");
        Safetensors.Write(path, StateDict(scope, prefix));
    }

    public void Dispose() => Golden.Dispose();

    private static (float Scale, float Shift) ScaleAndShift(string name, in Shape shape)
    {
        if (name.StartsWith("input.action", StringComparison.Ordinal) || name.StartsWith("input.state", StringComparison.Ordinal))
            return (1, 0);
        if (name.StartsWith("input.", StringComparison.Ordinal))
            return (2, 0);
        if (Tables.Any(name.Contains))
            return (0.5f, 0);
        if (shape.Rank >= 2)
            return ((float)Math.Sqrt(3.0 / (shape.Count / shape[0])), 0);
        return (0.2f, name.EndsWith("weight", StringComparison.Ordinal) ? 1 : 0);
    }

    private static ulong Fnv1a64(string text) => Encoding.UTF8.GetBytes(text).Aggregate(0xCBF29CE484222325, (hash, b) => (hash ^ b) * 0x100000001B3);

    private static ulong SplitMix64(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    private Dictionary<string, Shape> Shapes(string entry) => JsonElement.Parse(Golden.File.Metadata[entry]).EnumerateObject()
        .ToDictionary(p => p.Name, p => new Shape([.. p.Value.EnumerateArray().Select(d => d.GetInt32())]));
}
