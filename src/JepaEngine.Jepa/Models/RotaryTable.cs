namespace JepaEngine.Jepa.Models;

/// <summary>Where a token stands: its tubelet, row and column, whole or between two.</summary>
/// <param name="Time">Tubelet.</param>
/// <param name="Row">Row of patches.</param>
/// <param name="Column">Column of patches.</param>
public readonly record struct TokenPosition(double Time, double Row, double Column);

/// <summary>
/// The cosines and sines of V-JEPA 2's three-axis rotary embedding. Of a head's E channels the first D = 2 ⌊⌊E/3⌋/2⌋ turn with time, the next D with the
/// row, the next D with the column, by the angle p · 10000^(−j/(D/2)); the rest stays. Pairs are neighbours (2k, 2k + 1).
/// V-JEPA 2 and 2-AC lay the frequencies out <i>tiled</i> (ω0 … ωn−1, ω0 … ωn−1), so that the two of a pair turn by different angles: a fault kept for the
/// checkpoints' sake (facebookresearch/vjepa2, PR 15). V-JEPA 2.1 has them <i>interleaved</i> (ω0, ω0, ω1, ω1 …): a true rotation.
/// </summary>
/// <param name="Cos">[1 or B, N, E].</param>
/// <param name="Sin">[1 or B, N, E].</param>
public sealed record RotaryTable(Tensor Cos, Tensor Sin)
{
    /// <summary>The table of B rows of tokens.</summary>
    /// <param name="scope">Where it lives.</param>
    /// <param name="positions">B · N positions.</param>
    /// <param name="batch">B: 1 where all rows of a batch have the same positions.</param>
    /// <param name="headWidth">E.</param>
    /// <param name="interleaved">V-JEPA 2.1's frequencies; else V-JEPA 2's.</param>
    public static RotaryTable Of(TensorScope scope, ReadOnlySpan<TokenPosition> positions, int batch, int headWidth, bool interleaved)
    {
        int segment = 2 * (headWidth / 3 / 2), pairs = segment / 2;
        double[] frequencies = [.. Enumerable.Range(0, pairs).Select(j => Math.Pow(10000, -j / (double)pairs))];
        float[] cos = new float[positions.Length * headWidth], sin = new float[cos.Length];
        for (int i = 0; i < positions.Length; i++)
        {
            Span<float> c = cos.AsSpan(i * headWidth, headWidth), s = sin.AsSpan(i * headWidth, headWidth);
            TokenPosition p = positions[i];
            Turn(p.Time, 0, c, s);
            Turn(p.Row, segment, c, s);
            Turn(p.Column, 2 * segment, c, s);
            c[(3 * segment)..].Fill(1);
        }
        Shape shape = [batch, positions.Length / batch, headWidth];
        return new RotaryTable(scope.From<float>(cos, shape, scope.Device.Statistics), scope.From<float>(sin, shape, scope.Device.Statistics));

        void Turn(double position, int first, Span<float> c, Span<float> s)
        {
            for (int j = 0; j < pairs; j++)
            {
                (double sine, double cosine) = Math.SinCos(position * frequencies[j]);
                (int one, int two) = interleaved ? (first + 2 * j, first + 2 * j + 1) : (first + j, first + pairs + j);
                c[one] = c[two] = (float)cosine;
                s[one] = s[two] = (float)sine;
            }
        }
    }
}
