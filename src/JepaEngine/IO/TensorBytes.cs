using JepaEngine.Devices;
using JepaEngine.Tensors;

namespace JepaEngine.IO;

/// <summary>A tensor's elements as a file has them: row-major, little-endian, piece by piece.</summary>
internal static class TensorBytes
{
    private const int Piece = 1 << 20;

    /// <summary>Writes all elements, converted to <paramref name="dtype"/>.</summary>
    /// <exception cref="NumericException">A finite number is beyond the type.</exception>
    public static void Write(Stream stream, string name, Tensor tensor, DType dtype)
    {
        using Tensor.Stay stay = tensor.InUse();
        Operand source = tensor.Operand;
        using var staging = new TensorScope(tensor.Device, "write");
        if (!source.Layout.IsContiguous)
        {
            Storage whole = staging.Rent(source.Count * dtype.Size());
            var copy = new Operand(whole, dtype, new Layout(source.Shape));
            tensor.Backend.Copy(source, copy);
            source = copy;
        }
        byte[] bytes = new byte[Math.Min(Piece, source.Count) * dtype.Size()];
        Storage? buffer = source.DType == dtype ? null : staging.Rent(Math.Min(Piece, source.Count) * dtype.Size());
        for (long done = 0; done < source.Count; done += Piece)
        {
            int count = (int)Math.Min(Piece, source.Count - done);
            var piece = new Operand(source.Storage, source.DType, new Layout([count], source.Layout.Offset + done));
            if (buffer is not null)
            {
                var converted = new Operand(buffer, dtype, new Layout([count]));
                tensor.Backend.Copy(piece, converted);
                piece = converted;
            }
            Span<byte> read = bytes.AsSpan(0, count * dtype.Size());
            tensor.Backend.Download(piece, read);
            if (Narrowed.Is(tensor.DType, dtype) && !Finite.All(read, dtype) && Narrowed.Fault(name, tensor, dtype) is { } fault)
                throw new NumericException(fault);
            stream.Write(read);
        }
    }
}
