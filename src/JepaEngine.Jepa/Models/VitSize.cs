namespace JepaEngine.Jepa.Models;

/// <summary>The sizes of a stack of transformer blocks.</summary>
/// <param name="Width">Width of a token.</param>
/// <param name="Depth">Number of blocks.</param>
/// <param name="Heads">Attention heads; they divide the width.</param>
/// <param name="Mlp">Hidden width of the blocks' MLPs.</param>
public sealed record VitSize(int Width, int Depth, int Heads, int Mlp)
{
    /// <summary>ViT-B.</summary>
    public static VitSize Base => new(768, 12, 12, 3072);

    /// <summary>ViT-L.</summary>
    public static VitSize Large => new(1024, 24, 16, 4096);

    /// <summary>ViT-H: heads of 80.</summary>
    public static VitSize Huge => new(1280, 32, 16, 5120);

    /// <summary>I-JEPA's ViT-g: 16 heads of 88.</summary>
    public static VitSize Giant => new(1408, 40, 16, 6144);

    /// <summary>V-JEPA 2's ViT-g: as <see cref="Giant"/>, with 22 heads of 64.</summary>
    public static VitSize GiantXformers => new(1408, 40, 22, 6144);

    /// <summary>V-JEPA 2.1's ViT-G.</summary>
    public static VitSize Gigantic => new(1664, 48, 26, 8192);

    /// <summary>Width of a head.</summary>
    public int HeadWidth => Width / Heads;

    /// <summary>Numbers in the blocks: LayerNorms, projections and MLPs, with biases.</summary>
    public long Parameters => Depth * (4L * Width * Width + 2L * Width * Mlp + 9L * Width + Mlp);

    /// <summary>Refuses sizes that no model has, naming the first that is wrong.</summary>
    /// <exception cref="ArgumentException">One is wrong.</exception>
    internal void Validate(string part, int leastDepth = 1)
    {
        var allowed = new Allowed($"model.{part}");
        allowed.Range(Width, 1, 1 << 16);
        allowed.Range(Depth, leastDepth, 1 << 10);
        allowed.Range(Heads, 1, Width);
        new Allowed("model").If(Width % Heads == 0, $"{part}.width {Width} does not divide into {Heads} heads");
        allowed.Range(Mlp, 1, 1 << 20);
    }

    /// <summary>As <c>1024 wide, 24 blocks, 16 heads of 64, MLP 4096</c>.</summary>
    public override string ToString() =>
        $"{Width} wide, {Depth} {(Depth == 1 ? "block" : "blocks")}, {Heads} heads of {HeadWidth}, MLP {Mlp}";
}
