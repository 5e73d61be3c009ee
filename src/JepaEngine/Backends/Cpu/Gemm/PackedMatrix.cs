using System.Runtime.CompilerServices;
using JepaEngine.Backends.Cpu.Simd;

namespace JepaEngine.Backends.Cpu.Gemm;

/// <summary>A right operand [depth, columns], in panels, for kernels that use it many times.</summary>
internal readonly unsafe struct PackedMatrix<V> where V : struct, IVector<V>
{
    private readonly float* data;
    private readonly int depth;

    /// <summary>From one row to the next where the matrix is used in place, 0 where it is packed.</summary>
    private readonly nint row;
    private readonly Panels<V> panels;

    /// <summary>
    /// Packs a matrix that <paramref name="uses"/> rows will be multiplied with into <see cref="Floats"/> floats of memory; for few rows it
    /// is used where it lies if it can be.
    /// </summary>
    public PackedMatrix(MatrixSource source, int depth, int columns, int uses, float* memory)
    {
        data = memory;
        this.depth = depth;
        panels = new Panels<V>(columns);
        float* place = source.At(0, 0, out row);
        if (uses <= Product<V, MatrixSource>.DirectRows && columns % V.Count == 0 && place != null && row != 0)
        {
            data = place;
            return;
        }
        row = 0;
        for (int panel = 0; panel < panels.Count; panel++)
        {
            int n = panels.Start(panel), width = panels.Start(panel + 1) - n;
            source.Pack(0, depth, n, Math.Min(width, columns - n), memory + (nint)depth * n, width);
        }
    }

    /// <summary>Columns in whole vectors.</summary>
    public static int Padded(int columns) => (columns + V.Count - 1) / V.Count * V.Count;

    /// <summary>Memory that such a matrix needs; a multiple of 16, so that what follows is aligned too.</summary>
    public static nint Floats(int depth, int columns) => ((nint)depth * Padded(columns) + 15) & -16;

    /// <summary>
    /// c = or += a [rows, depth] · the first <paramref name="depth"/> rows of this, in whole panels up to the one that holds the last of
    /// the first <paramref name="columns"/> columns.
    /// </summary>
    [SkipLocalsInit, MethodImpl(MethodImplOptions.NoInlining)]
    public void Multiply(int rows, int depth, int columns, float* a, nint aRow, nint aCol, float* c, nint cRow, bool accumulate)
    {
        for (int i = 0; i < rows; i += Tile<V>.Rows, a += Tile<V>.Rows * aRow, c += Tile<V>.Rows * cRow)
        {
            int tileRows = Math.Min(Tile<V>.Rows, rows - i);
            for (int panel = 0; panel < panels.Count; panel++)
            {
                int n = panels.Start(panel), width = panels.Start(panel + 1) - n;
                if (n >= columns)
                    break;
                float* b = row == 0 ? data + (nint)this.depth * n : data + n;
                Tile<V>.Multiply(tileRows, panels.Vectors(panel), depth, a, aRow, aCol, b, row == 0 ? width : row, c + n, cRow, accumulate);
            }
        }
    }
}
