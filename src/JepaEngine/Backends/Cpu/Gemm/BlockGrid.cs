namespace JepaEngine.Backends.Cpu.Gemm;

/// <summary>
/// A product cut into blocks of rows and of panels. Every block of rows packs the right operand again, which costs a hundredth of its work
/// at a thousand rows: so tall products are cut by rows down to about that, then by panels, and by rows again where panels are few.
/// </summary>
internal readonly struct BlockGrid
{
    private const int TallRows = 1024, LeastRows = 96;

    /// <summary>Blocks of panels for one that is wanted: they pack nothing twice, and the last one to end leaves the others waiting less.</summary>
    private const int PanelParts = 4;

    private readonly int rows, panels, rowsOfBlock, rowBlocks, panelBlocks;

    /// <summary>About <paramref name="parts"/> blocks of an output of so many rows and columns; their rows are multiples of <paramref name="tileRows"/>.</summary>
    /// <param name="rows">Rows of the output.</param>
    /// <param name="columns">Columns of the output.</param>
    /// <param name="panels">Panels of columns.</param>
    /// <param name="tileRows">Rows of a tile.</param>
    /// <param name="parts">How many blocks are wanted at least, where there is as much to cut.</param>
    /// <param name="packsLeft">Whether a block packs its rows of the left operand too.</param>
    public BlockGrid(int rows, int columns, int panels, int tileRows, int parts, bool packsLeft)
    {
        this.rows = rows;
        this.panels = panels;
        int wanted;
        if (packsLeft)
        {
            // Each column of blocks packs all of the left operand, each row of blocks all of the right: the least sum of both.
            wanted = 1;
            for (int r = 2; r <= parts; r++)
                if (parts % r == 0 && (long)r * columns + (long)(parts / r) * rows < (long)wanted * columns + (long)(parts / wanted) * rows)
                    wanted = r;
            panelBlocks = Math.Clamp(parts / wanted, 1, Math.Max(1, panels));
        }
        else
        {
            int tall = parts == 1 ? 1 : Math.Clamp(rows / TallRows, 1, parts);
            panelBlocks = parts == 1 ? 1 : Math.Clamp(PanelParts * parts / tall, 1, Math.Max(1, panels));
            wanted = Math.Clamp(parts / panelBlocks, tall, Math.Max(tall, rows / LeastRows));
        }
        int tiles = (rows + tileRows - 1) / tileRows;
        rowsOfBlock = Math.Max(1, (tiles + wanted - 1) / wanted) * tileRows;
        rowBlocks = (rows + rowsOfBlock - 1) / rowsOfBlock;
    }

    /// <summary>Number of blocks; 0 for an empty product.</summary>
    public int Count => panels == 0 ? 0 : rowBlocks * panelBlocks;

    /// <summary>The rows and panels of a block.</summary>
    public void Part(int part, out int row, out int count, out int first, out int end)
    {
        // Neighbouring parts share the rows of the left operand, the larger stream.
        int rowBlock = part / panelBlocks, panelBlock = part % panelBlocks;
        row = rowBlock * rowsOfBlock;
        count = Math.Min(rowsOfBlock, rows - row);
        first = (int)((long)panels * panelBlock / panelBlocks);
        end = (int)((long)panels * (panelBlock + 1) / panelBlocks);
    }
}
