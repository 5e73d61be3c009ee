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
    public string[] Labels { get; init; } = [];

    /// <summary>The name of a head: "logits" where there is one.</summary>
    public string HeadName(int head) => Classes.Length == 1 ? "logits" : Ek100[head];

    internal void Validate()
    {
        JepaConfig.Require(Size.Width is > 0 and <= 65536 && Size.Heads > 0 && Size.Width % Size.Heads == 0,
            $"probe.width {Size.Width} does not divide into {Size.Heads} heads");
        JepaConfig.Require(Size.Mlp is > 0 and <= 1 << 20 && Size.Depth is >= 0 and <= 64,
            $"probe.mlp is {Size.Mlp} and probe.depth {Size.Depth}; 1 or more, and 0 to 64");
        JepaConfig.Require(Epsilon is > 0 and < 1, $"probe.epsilon is {Epsilon}; it is in (0, 1)");
        JepaConfig.Require(Classes is { Length: 1 or 3 } && Classes.All(c => c is > 0 and <= 1 << 20), $"probe.classes has 1 or 3 counts, each 1 or more");
        JepaConfig.Require(Labels.Length == 0 || (Classes.Length == 1 && Labels.Length == Classes[0]),
            $"probe.labels has {Labels.Length} names for {string.Join(", ", Classes)} classes");
    }
}
