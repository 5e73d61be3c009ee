using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace JepaEngine.Backends.Cpu.Gemm;

/// <summary>Where the right operand of a product, [K, N], comes from.</summary>
internal unsafe interface IPanelSource
{
    /// <summary>
    /// Writes rows k..k+depth of columns n..n+columns into a panel with rows of <paramref name="width"/> floats. What it writes beyond the
    /// columns does not matter, since no column of a product depends on another.
    /// </summary>
    void Pack(int k, int depth, int n, int columns, float* panel, int width);

    /// <summary>The element, if the rows lie in memory with stride <paramref name="row"/>, so that packing may be left out.</summary>
    float* At(int k, int n, out nint row);
}

/// <summary>A matrix in memory, of whose strides one is 1.</summary>
internal readonly unsafe struct MatrixSource(float* data, nint rowStride, nint columnStride) : IPanelSource
{
    private readonly float* data = data;
    private readonly nint rowStride = rowStride, columnStride = columnStride;

    public float* At(int k, int n, out nint row)
    {
        row = rowStride;
        return columnStride == 1 ? data + k * rowStride + n : null;
    }

    public void Pack(int k, int depth, int n, int columns, float* panel, int width)
    {
        float* source = data + k * rowStride + n * columnStride;
        if (columnStride == 1)
            PackRows(source, rowStride, depth, columns, panel, width);
        else
            PackColumns(source, columnStride, depth, columns, panel, width);
    }

    [SkipLocalsInit]
    private static void PackRows(float* source, nint stride, int depth, int columns, float* panel, int width)
    {
        for (int k = 0; k < depth; k++, source += stride, panel += width)
        {
            int j = 0;
            for (; j <= columns - 8; j += 8)
                Vector256.Load(source + j).Store(panel + j);
            for (; j < columns; j++)
                panel[j] = source[j];
            for (; j < width; j++)
                panel[j] = 0;
        }
    }

    /// <summary>Columns that lie along memory, 8 × 8 at a time through registers; missing ones repeat the last.</summary>
    [SkipLocalsInit]
    private static void PackColumns(float* source, nint stride, int depth, int columns, float* panel, int width)
    {
        for (int n = 0; n < width; n += 8)
        {
            int wide = Math.Min(8, width - n), last = Math.Min(8, columns - n) - 1;
            // A group of nothing but padding repeats the last column too.
            float* from = source + Math.Min(n, columns - 1) * stride, to = panel + n;
            last = Math.Max(last, 0);
            int k = 0;
            if (wide == 8 && Avx.IsSupported)
                for (; k <= depth - 8; k += 8, to += 8 * width)
                    if (last == 7)
                        Transpose8(from + k, stride, 7, to, width);
                    else
                        Transpose8(from + k, stride, last, to, width);
            for (; k < depth; k++, to += width)
                for (int j = 0; j < wide; j++)
                    to[j] = from[Math.Min(j, last) * stride + k];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose8(float* source, nint sourceRow, int last, float* destination, nint destinationRow)
    {
        for (int half = 0; half < 2; half++, source += 4, destination += 4 * destinationRow)
            Four(Halves(source, sourceRow, 0, last), Halves(source, sourceRow, 1, last), Halves(source, sourceRow, 2, last),
                Halves(source, sourceRow, 3, last), destination, destinationRow);
    }

    /// <summary>Four floats of row r and four of row r + 4.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Halves(float* source, nint row, int r, int last) =>
        Vector256.Create(Vector128.Load(source + Math.Min(r, last) * row), Vector128.Load(source + Math.Min(r + 4, last) * row));

    /// <summary>Four columns of eight.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Four(Vector256<float> a, Vector256<float> b, Vector256<float> c, Vector256<float> d, float* destination, nint row)
    {
        Vector256<float> ab = Avx.UnpackLow(a, b), cd = Avx.UnpackLow(c, d);
        Avx.Shuffle(ab, cd, 0x44).Store(destination);
        Avx.Shuffle(ab, cd, 0xEE).Store(destination + row);
        ab = Avx.UnpackHigh(a, b);
        cd = Avx.UnpackHigh(c, d);
        Avx.Shuffle(ab, cd, 0x44).Store(destination + 2 * row);
        Avx.Shuffle(ab, cd, 0xEE).Store(destination + 3 * row);
    }
}
