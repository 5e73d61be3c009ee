using System.Runtime.InteropServices;

namespace JepaEngine.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    private const int TransposeTile = 32;

    private static readonly Kernel CopyMove = new("copy", "copy_move", Threads: 256);
    private static readonly Kernel CopyTranspose = new("copy", "copy_transpose", Threads: 256);
    private static readonly Kernel CopyConvert = new("copy", "copy_convert", Threads: 256);
    private static readonly Kernel CopyConvertExact = new("copy", "copy_convert_exact", Threads: 256);

    [StructLayout(LayoutKind.Sequential)]
    private struct CopyArgs
    {
        public Nest Nest;
        public ulong Value;
        public int From, To;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct TransposeArgs
    {
        public Nest Nest;
        public long SrcColumn, DstRow;
        public int Columns, Rows, Size;
    }

    public override void Copy(in Operand src, in Operand dst)
    {
        if (dst.Count == 0)
            return;
        long bytes = dst.Count * (src.DType.Size() + dst.DType.Size());
        var args = new CopyArgs { From = (int)src.DType, To = (int)dst.DType };
        if (src.DType == dst.DType)
            Move(src, dst, args, bytes);
        else if (IsSmall(src.DType) && IsSmall(dst.DType))
            Launch(CopyConvert, DType.F32, (args.Nest = new Nest(8, src, dst)).Grid, args, bytes);
        else
            Launch(CopyConvertExact, DType.F32, (args.Nest = new Nest(1, src, dst)).Grid, args, bytes);
    }

    /// <summary>Whether a float holds every value.</summary>
    private static bool IsSmall(DType dtype) => dtype is DType.F32 or DType.BF16 or DType.F16 or DType.U8;

    private void Move(in Operand src, in Operand dst, CopyArgs args, long bytes)
    {
        int size = dst.DType.Size();
        args.Nest = new Nest(WideBytes / size, src, dst);
        if (src.Layout.IsContiguous && dst.Layout.IsContiguous)
        {
            context.Copy(dst.Address, src.Address, dst.Count * size);
            Interlocked.Add(ref bytesMoved, bytes);
        }
        else if (Transposes(args.Nest, size, out TransposeArgs tiles))
        {
            Kernel kernel = CopyTranspose with { Shared = TransposeTile * (TransposeTile + 1) * size };
            long blocks = 1;
            for (int axis = 0; axis < tiles.Nest.Rank; axis++)
                blocks *= tiles.Nest.Length(axis);
            Launch(kernel, DType.F32, new Grid(blocks), tiles, bytes);
        }
        else
        {
            Launch(CopyMove, DType.F32, args.Nest.Grid, args, bytes);
        }
    }

    /// <summary>Whether the neighbours of src lie along another axis than those of dst, both long enough to fill half a tile; if so, the loops over tiles.</summary>
    private static bool Transposes(Nest nest, int size, out TransposeArgs args)
    {
        args = default;
        if (nest.Rank < 2 || nest.Pack > 1 || nest.Stride(0, 0) < 2 || nest.Stride(1, 0) != 1)
            return false;
        int along = 1;
        while (along < nest.Rank && nest.Stride(0, along) != 1)
            along++;
        if (along == nest.Rank || Math.Min(nest.Length(0), nest.Length(along)) < TransposeTile / 2)
            return false;
        nest.Swap(1, along);
        args = new TransposeArgs { SrcColumn = nest.Stride(0, 0), DstRow = nest.Stride(1, 1), Columns = nest.Length(0), Rows = nest.Length(1), Size = size };
        for (int axis = 0; axis < 2; axis++)
        {
            nest.SetLength(axis, CeilDiv(nest.Length(axis), TransposeTile));
            for (int operand = 0; operand < 2; operand++)
                nest.Stride(operand, axis) *= TransposeTile;
        }
        args.Nest = nest;
        return true;
    }
}
