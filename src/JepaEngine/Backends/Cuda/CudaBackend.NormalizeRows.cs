using System.Runtime.InteropServices;

namespace JepaEngine.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    private static readonly Kernel NormalizeRowsInPlace = new("sigreg", "normalize_rows", Threads: 256);

    [StructLayout(LayoutKind.Sequential)]
    private struct NormalizeRowsArgs
    {
        public nint X;
        public long Rows, Stride, Columns;
    }

    public override void NormalizeRows(in Operand dst)
    {
        if (dst.Count == 0)
            return;
        var rows = new Rows(dst);
        var args = new NormalizeRowsArgs { X = rows.Address, Rows = rows.Count, Stride = rows.Stride, Columns = rows.Width };
        Launch(NormalizeRowsInPlace, dst.DType, new Grid(CeilDiv(rows.Count, NormalizeRowsInPlace.Threads / 32)), args, 2 * dst.Count * dst.DType.Size());
    }
}
