using System.Buffers.Binary;

namespace JepaEngine.IO;

/// <summary>What a PNG file says about its pixels (ISO/IEC 15948, 11.2.1).</summary>
/// <param name="Width">Columns.</param>
/// <param name="Height">Rows.</param>
/// <param name="Depth">Bits a sample: 1, 2, 4, 8 or 16.</param>
/// <param name="Colour">0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGB and alpha.</param>
/// <param name="Interlaced">Whether the pixels come in Adam7's seven passes.</param>
internal readonly record struct PngHeader(int Width, int Height, int Depth, int Colour, bool Interlaced)
{
    /// <summary>Adam7: column and row of the first pixel, and the steps to the next.</summary>
    private static readonly PngPass[] Adam7 =
        [new(0, 0, 8, 8), new(4, 0, 8, 8), new(0, 4, 4, 8), new(2, 0, 4, 4), new(0, 2, 2, 4), new(1, 0, 2, 2), new(0, 1, 1, 2)];

    private static readonly PngPass[] Whole = [new(0, 0, 1, 1)];

    /// <summary>Samples a pixel.</summary>
    public int Channels => Colour switch
    {
        2 => 3,
        4 => 2,
        6 => 4,
        _ => 1,
    };

    /// <summary>Bytes from a sample to the one left of it that predicts it.</summary>
    public int FilterStep => Math.Max(1, Channels * Depth / 8);

    /// <summary>The passes that hold pixels.</summary>
    public IEnumerable<PngPass> Passes
    {
        get
        {
            PngHeader header = this;
            return (Interlaced ? Adam7 : Whole).Where(pass => pass.Columns(header.Width) > 0 && pass.Rows(header.Height) > 0);
        }
    }

    /// <summary>Bytes of the unpacked rows, each with the byte that names its filter.</summary>
    public long RawBytes
    {
        get
        {
            PngHeader header = this;
            return Passes.Sum(pass => pass.Rows(header.Height) * (1L + header.RowBytes(pass)));
        }
    }

    /// <summary>Bytes of a row of a pass.</summary>
    public int RowBytes(PngPass pass) => (int)(((long)pass.Columns(Width) * Channels * Depth + 7) / 8);

    /// <summary>Reads the IHDR chunk.</summary>
    /// <exception cref="BadFileException">No picture is like that, or it is larger than <see cref="Picture.MaxPixels"/>.</exception>
    public static PngHeader Read(ReadOnlySpan<byte> chunk, string path)
    {
        if (chunk.Length != 13)
            throw new BadFileException(path, $"its header has {chunk.Length} bytes instead of 13; the file is damaged");
        uint width = BinaryPrimitives.ReadUInt32BigEndian(chunk), height = BinaryPrimitives.ReadUInt32BigEndian(chunk[4..]);
        (int depth, int colour) = (chunk[8], chunk[9]);
        if (width == 0 || height == 0)
            throw new BadFileException(path, $"it claims {width}x{height} pixels; the file is damaged");
        if ((ulong)width * height > Picture.MaxPixels)
            throw new BadFileException(path, $"it claims {width}x{height} pixels, more than the limit of {Picture.MaxPixels}; scale the picture down first");
        bool known = (colour, depth) is (0, 1 or 2 or 4 or 8 or 16) or (3, 1 or 2 or 4 or 8) or (2 or 4 or 6, 8 or 16);
        if (!known || chunk[10] != 0 || chunk[11] != 0 || chunk[12] > 1)
            throw new BadFileException(path, $"colour type {colour} of {depth} bits, compression {chunk[10]}, filter {chunk[11]} and interlace {chunk[12]} " +
                "are no PNG's; the file is damaged");
        return new PngHeader((int)width, (int)height, depth, colour, chunk[12] == 1);
    }
}

/// <summary>A pass over a picture: every <see cref="StepX"/>th pixel of every <see cref="StepY"/>th row.</summary>
internal readonly record struct PngPass(int Left, int Top, int StepX, int StepY)
{
    /// <summary>Pixels of a row.</summary>
    public int Columns(int width) => (width - Left + StepX - 1) / StepX;

    /// <summary>Rows.</summary>
    public int Rows(int height) => (height - Top + StepY - 1) / StepY;
}
