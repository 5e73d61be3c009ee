namespace JepaEngine.Jepa.Models;

/// <summary>Stretches a table of positions to another grid: bicubic with a = −3/4 and clamped borders, as torch's interpolate without align_corners.</summary>
internal static class PositionResize
{
    private const double A = -0.75;

    /// <summary>table [side², width] as [rows · columns, width].</summary>
    public static float[] Bicubic(ReadOnlySpan<float> table, int side, int rows, int columns)
    {
        int width = table.Length / (side * side);
        float[] result = new float[rows * columns * width];
        for (int row = 0; row < rows; row++)
        {
            (int top, double[] down) = Taps(row, side, rows);
            for (int column = 0; column < columns; column++)
            {
                (int left, double[] across) = Taps(column, side, columns);
                Span<float> to = result.AsSpan((row * columns + column) * width, width);
                for (int i = 0; i < 16; i++)
                {
                    int y = Math.Clamp(top + i / 4, 0, side - 1), x = Math.Clamp(left + i % 4, 0, side - 1);
                    float weight = (float)(down[i / 4] * across[i % 4]);
                    ReadOnlySpan<float> from = table.Slice((y * side + x) * width, width);
                    for (int c = 0; c < width; c++)
                        to[c] += weight * from[c];
                }
            }
        }
        return result;
    }

    /// <summary>The first of four neighbours and their weights.</summary>
    private static (int First, double[] Weights) Taps(int index, int from, int to)
    {
        double place = (index + 0.5) * from / to - 0.5, floor = Math.Floor(place), t = place - floor;
        return ((int)floor - 1, [Far(t + 1), Near(t), Near(1 - t), Far(2 - t)]);

        static double Near(double x) => ((A + 2) * x - (A + 3)) * x * x + 1;

        static double Far(double x) => ((A * x - 5 * A) * x + 8 * A) * x - 4 * A;
    }
}
