namespace JepaEngine.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    /// <summary>An operand as a kernel of rows takes it: <see cref="Count"/> rows of <see cref="Width"/> neighbours, <see cref="Stride"/> apart.</summary>
    private readonly struct Rows
    {
        public Rows(in Operand x)
        {
            x.Layout.TryRows(out long count, out long stride);
            (Address, Count, Stride, Width) = (x.Address, count, stride, x.Shape.Rank == 0 ? 1 : x.Shape[^1]);
            Packs = (Address | (nint)(stride * x.DType.Size()) | (nint)(Width * x.DType.Size())) % WideBytes == 0;
        }

        public nint Address { get; }
        public long Count { get; }
        public long Stride { get; }
        public int Width { get; }

        /// <summary>Whether every row is aligned to 16 bytes and made of such.</summary>
        public bool Packs { get; }
    }
}
