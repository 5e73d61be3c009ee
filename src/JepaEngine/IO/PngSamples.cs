namespace JepaEngine.IO;

/// <summary>
/// Turns a PNG's samples into RGB as Pillow 13's convert("RGB") does: alpha and transparent colours are dropped, 16 bits lose the lower 8, and a colour
/// beyond the palette's is black. Pillow clips 16-bit grey at 255, which turns it white; here it is scaled as all others.
/// </summary>
internal sealed class PngSamples
{
    private readonly PngHeader header;
    private readonly byte[] palette = new byte[768];

    /// <summary>Samples of these kinds.</summary>
    /// <param name="header">What they are.</param>
    /// <param name="palette">3 bytes a colour; empty without a palette.</param>
    public PngSamples(PngHeader header, byte[] palette)
    {
        this.header = header;
        if (header.Colour == 3)
            palette.CopyTo(this.palette, 0);
        else if (header.Depth <= 8)
            // Grey is a palette too: its levels spread evenly to 255.
            for (int i = 0; i < 1 << header.Depth; i++)
                this.palette.AsSpan(3 * i, 3).Fill((byte)(i * 255 / ((1 << header.Depth) - 1)));
    }

    /// <summary>Writes a row of a pass to where its pixels belong.</summary>
    public void Write(ReadOnlySpan<byte> row, PngPass pass, int y, Picture picture)
    {
        int columns = pass.Columns(header.Width), step = 3 * pass.StepX;
        Span<byte> rgb = picture.Rgb.AsSpan(3 * ((pass.Top + y * pass.StepY) * picture.Width + pass.Left));
        int bytes = header.Depth / 8, pixel = header.FilterStep;
        for (int x = 0; x < columns; x++, rgb = rgb[Math.Min(step, rgb.Length)..])
        {
            switch (header.Colour)
            {
                case 2 or 6:
                    (rgb[0], rgb[1], rgb[2]) = (row[x * pixel], row[x * pixel + bytes], row[x * pixel + 2 * bytes]);
                    break;
                case 4:
                case 0 when header.Depth == 16:
                    rgb[..3].Fill(row[x * pixel]);
                    break;
                default:
                    palette.AsSpan(3 * Index(row, x), 3).CopyTo(rgb);
                    break;
            }
        }
    }

    /// <summary>Sample x of a row of 1, 2, 4 or 8 bits each; the leftmost lies in the highest bits.</summary>
    private int Index(ReadOnlySpan<byte> row, int x)
    {
        int bit = x * header.Depth;
        return (row[bit >> 3] >> (8 - header.Depth - (bit & 7))) & ((1 << header.Depth) - 1);
    }
}
