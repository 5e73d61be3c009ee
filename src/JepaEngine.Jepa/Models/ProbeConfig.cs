namespace JepaEngine.Jepa.Models;

/// <summary>The sizes of an <see cref="AttentiveProbe"/>.</summary>
public sealed record ProbeConfig
{
    /// <summary>The names of EK100's three heads, in the order of their queries.</summary>
    private static readonly string[] Ek100 = ["verb", "noun", "action"];

    /// <summary>Width of the tokens it reads, its heads and the hidden width of its MLPs; Depth counts the
    /// self-attention blocks before the cross-attention.</summary>
    public required VitSize Size { get; init; }

    /// <summary>Epsilon of its LayerNorms: 1e-5 in Meta's evaluations, 1e-6 in Hugging Face's conversions of them.</summary>
    public double Epsilon { get; init; } = 1e-5;

    /// <summary>Classes a head; each head reads a query of its own. EK100 has three: verb, noun, action.</summary>
    public required int[] Classes { get; init; }

    /// <summary>Names of the classes, if they are known: of the only head.</summary>
    public string[] Labels { get => field ?? []; init; }

    /// <summary>The name of a head: "logits" where there is one.</summary>
    public string HeadName(int head) => Classes.Length == 1 ? "logits" : Ek100[head];

    internal void Validate()
    {
        Size.Validate("probe.size", leastDepth: 0);
        var allowed = new Allowed("model.probe");
        allowed.Above(Epsilon, 0, 1);
        allowed.If(Classes.Length is 1 or 3 && Classes.All(count => count is > 0 and <= 1 << 20),
            $"classes has {Classes.Length} counts; it is 1 or 3 counts, each 1 to {1 << 20}");
        allowed.If(Labels.Length == 0 || (Classes.Length == 1 && Labels.Length == Classes[0]),
            $"labels has {Labels.Length} names for {string.Join(", ", Classes)} classes");
    }
}
