using JepaEngine.Backends.Cpu.Simd;

namespace JepaEngine.Backends.Cpu.Gemm;

/// <summary>
/// How the columns of a product fall into panels of at most <see cref="Tile{V}.Vectors"/> vectors: evenly, since a narrow tile is slow
/// (64 columns are two panels of 32, not 48 and 16).
/// </summary>
internal readonly struct Panels<V> where V : struct, IVector<V>
{
    private readonly int narrow, wide;

    /// <summary>The panels of this many columns.</summary>
    public Panels(int columns)
    {
        int vectors = (columns + V.Count - 1) / V.Count;
        Count = (vectors + Tile<V>.Vectors - 1) / Tile<V>.Vectors;
        narrow = Count == 0 ? 0 : vectors / Count;
        wide = Count == 0 ? 0 : vectors % Count;
    }

    /// <summary>Number of panels.</summary>
    public int Count { get; }

    /// <summary>Vectors in a row of the panel.</summary>
    public int Vectors(int panel) => panel < wide ? narrow + 1 : narrow;

    /// <summary>First column of the panel; of panel <see cref="Count"/>, the columns with the padding.</summary>
    public int Start(int panel) => (panel * narrow + Math.Min(panel, wide)) * V.Count;
}
