using System.Runtime.InteropServices;

namespace JepaEngine.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    /// <summary>Rows of a number that its block sorts; and where each of its 4 warps says which it found (embedding.cu).</summary>
    private const int EmbeddingList = 1024, EmbeddingFound = 4;

    private static readonly Kernel EmbeddingForward = new("embedding", "embedding_forward", Threads: 256);
    private static readonly Kernel EmbeddingCount = new("embedding", "embedding_count", Threads: 256);
    private static readonly Kernel EmbeddingReserve = new("embedding", "embedding_reserve", Threads: 256);
    private static readonly Kernel EmbeddingFile = new("embedding", "embedding_list", Threads: 256);
    private static readonly Kernel EmbeddingGradient =
        new("embedding", "embedding_gradient", Threads: 128, Shared: (EmbeddingList + EmbeddingFound) * sizeof(uint));

    [StructLayout(LayoutKind.Sequential)]
    private struct EmbeddingArgs
    {
        public nint Table, Ids, Dst;
        public long Rows, TableStride;
        public int Width, WideIds, Pack;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct EmbeddingGradArgs
    {
        public nint Dy, Ids, Dtable;
        public uint* Counts, Ends, Listed, Used;
        public long Rows;
        public int Numbers, Width, WideIds, Pack;
    }

    public override void Embedding(in Operand table, in Operand ids, in Operand dst)
    {
        if (dst.Count == 0)
            return;
        table.Layout.TryRows(out _, out long stride);
        var args = new EmbeddingArgs
        {
            Table = table.Address, Ids = ids.Address, Dst = dst.Address, Rows = ids.Count, TableStride = stride, Width = table.Shape[1],
            WideIds = ids.DType == DType.I64 ? 1 : 0,
        };
        args.Pack = PackOf(dst.DType, table.Address, dst.Address, stride, args.Width);
        Launch(EmbeddingForward, dst.DType, new Grid(CeilDiv(ids.Count, 8)), args, 2 * dst.Count * dst.DType.Size() + ids.Count * ids.DType.Size());
    }

    public override void EmbeddingGrad(in Operand dy, in Operand ids, in Operand dtable)
    {
        if (dtable.Count == 0)
            return;
        int numbers = dtable.Shape[0], width = dtable.Shape[1];
        using Scratch scratch = Rent((2L * numbers + 1 + ids.Count) * sizeof(uint));
        uint* counts = (uint*)scratch.Pointer;
        var args = new EmbeddingGradArgs
        {
            Dy = dy.Address, Ids = ids.Address, Dtable = dtable.Address, Counts = counts, Used = counts + numbers, Ends = counts + numbers + 1,
            Listed = counts + 2 * (long)numbers + 1, Rows = ids.Count, Numbers = numbers, Width = width, WideIds = ids.DType == DType.I64 ? 1 : 0,
            Pack = PackOf(dy.DType, dy.Address, dtable.Address, width, width),
        };
        context.Fill(scratch.Pointer, 0, (numbers + 1L) * sizeof(uint));
        var rows = new Grid(CeilDiv(ids.Count, 256));
        if (ids.Count > 0)
            Launch(EmbeddingCount, dy.DType, rows, args, ids.Count * ids.DType.Size() + numbers * sizeof(uint));
        Launch(EmbeddingReserve, dy.DType, new Grid(CeilDiv(numbers, 256)), args, 2L * numbers * sizeof(uint));
        if (ids.Count > 0)
            Launch(EmbeddingFile, dy.DType, rows, args, ids.Count * (ids.DType.Size() + sizeof(uint)));
        Launch(EmbeddingGradient, dy.DType, new Grid(numbers), args, (dy.Count + dtable.Count) * dy.DType.Size() + ids.Count * sizeof(uint));
    }

    /// <summary>Elements of 16 bytes where rows of two operands, <paramref name="stride"/> and <paramref name="width"/> apart, are made of such, else 1.</summary>
    private static int PackOf(DType dtype, nint first, nint second, long stride, int width)
    {
        int most = WideBytes / dtype.Size();
        return (first | second) % WideBytes == 0 && stride % most == 0 && width % most == 0 ? most : 1;
    }
}
