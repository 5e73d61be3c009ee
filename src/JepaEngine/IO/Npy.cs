using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using JepaEngine.Tensors;

namespace JepaEngine.IO;

/// <summary>Writes arrays for numpy, whole or not at all; <see cref="TensorFile.Open"/> reads them.</summary>
public static class Npy
{
    /// <summary>Elements start at a multiple of this, so that numpy and we can map them.</summary>
    private const int Alignment = 64;

    /// <summary>Writes one array (npy), in its tensor's dtype, but BF16, which numpy does not have, in F32.</summary>
    /// <exception cref="IOException">The file cannot be written; an earlier one is intact.</exception>
    public static void Write(string path, Tensor tensor) => AtomicFile.Write(path, stream => Write(stream, tensor));

    /// <summary>Writes several arrays under their names (npz), not compressed.</summary>
    /// <exception cref="ArgumentException">A name is there twice.</exception>
    /// <exception cref="IOException">The file cannot be written; an earlier one is intact.</exception>
    public static void WriteArchive(string path, IReadOnlyList<(string Name, Tensor Tensor)> tensors)
    {
        if (tensors.DistinctBy(t => t.Name).Count() < tensors.Count)
            throw new ArgumentException("a name is there twice", nameof(tensors));
        AtomicFile.Write(path, file =>
        {
            using var zip = new ZipArchive(file, ZipArchiveMode.Create, leaveOpen: true);
            foreach ((string name, Tensor tensor) in tensors)
            {
                ZipArchiveEntry entry = zip.CreateEntry(name + ".npy", CompressionLevel.NoCompression);
                // The clock has no place in a file of numbers: the same arrays are the same bytes.
                entry.LastWriteTime = new DateTimeOffset(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);
                using Stream stream = entry.Open();
                Write(stream, tensor);
            }
        });
    }

    private static void Write(Stream stream, Tensor tensor)
    {
        DType dtype = tensor.DType == DType.BF16 ? DType.F32 : tensor.DType;
        string type = dtype switch
        {
            DType.F64 => "<f8",
            DType.F32 => "<f4",
            DType.F16 => "<f2",
            DType.I64 => "<i8",
            DType.I32 => "<i4",
            _ => "|u1",
        };
        string shape = string.Concat(tensor.Shape.ToArray().Select(length => $"{length}, "));
        string header = $"{{'descr': '{type}', 'fortran_order': False, 'shape': ({shape}), }}";
        int length = (10 + header.Length + 1 + Alignment - 1) / Alignment * Alignment - 10;
        Span<byte> prefix = stackalloc byte[10];
        NpyArray.Magic.CopyTo(prefix);
        prefix[6] = 1;
        prefix[7] = 0;
        BinaryPrimitives.WriteUInt16LittleEndian(prefix[8..], (ushort)length);
        stream.Write(prefix);
        stream.Write(Encoding.ASCII.GetBytes(header.PadRight(length - 1) + '\n'));
        TensorBytes.Write(stream, "the array", tensor, dtype);
    }
}
