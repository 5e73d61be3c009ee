using System.Buffers.Binary;
using System.Text;

namespace JepaEngine.IO;

/// <summary>
/// Reads numpy's array format: magic, version, length of a header, the header as a Python dictionary, the elements
/// (numpy/lib/format.py, versions 1 to 3).
/// </summary>
internal static class NpyArray
{
    /// <summary>numpy's own limit, as its header is parsed by an interpreter.</summary>
    private const int MaxHeader = 10_000;

    /// <summary>What every file starts with.</summary>
    public static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    /// <summary>The array that <paramref name="source"/> holds; null, and the reason, where no tensor has such a type
    /// or so many dimensions.</summary>
    /// <exception cref="BadFileException">It is damaged.</exception>
    public static TensorEntry? Read(string path, string name, ByteSource source, out string reason)
    {
        Span<byte> start = stackalloc byte[12];
        start = start[..(int)Math.Min(start.Length, source.Length)];
        source.Peek(0, start);
        if (start.Length < 12 || !start.StartsWith(Magic))
            throw new BadFileException(path, $"'{name}' is no npy array; was the copy cut short?");
        int version = start[6];
        if (version is < 1 or > 3)
            throw new BadFileException(path, $"'{name}' is an npy array of version {version}; 1 to 3 are read");
        int prefix = version == 1 ? 10 : 12;
        long length = version == 1 ? BinaryPrimitives.ReadUInt16LittleEndian(start[8..]) : BinaryPrimitives.ReadUInt32LittleEndian(start[8..]);
        if (length > MaxHeader || prefix + length > source.Length)
            throw new BadFileException(path, $"'{name}' claims a header of {length} bytes; at most {MaxHeader} are read, and the file has {source.Length}");
        byte[] header = new byte[length];
        source.Peek(prefix, header);
        var parsed = new NpyHeader(path, name, Encoding.UTF8.GetString(header));
        reason = Reason(parsed);
        if (reason.Length == 0)
            return Entry(path, name, source, prefix + length, parsed);
        // Nobody will read the rest, and a type may be unknown because a bit of it is wrong.
        source.Read(0, []);
        return null;
    }

    private static (DType DType, int Size)? Known(string type) => type switch
        {
        "<f8" => (DType.F64, 8),
        "<f4" => (DType.F32, 4),
        "<f2" => (DType.F16, 2),
        "<i8" => (DType.I64, 8),
        "<i4" => (DType.I32, 4),
        "<i2" => (DType.I32, 2),
        "|i1" => (DType.I32, 1),
        "|u1" or "|b1" => (DType.U8, 1),
        _ => null,
    };

    private static string Reason(NpyHeader header) => header.Type switch
    {
        NpyHeader.Records => "holds records of several fields; save each as an array of its own",
        ['|', 'O', ..] => "holds Python objects, which can only be read by running them; save numbers",
        ['>', ..] => $"holds {header.Type}, big-endian numbers; in Python: array.astype(array.dtype.newbyteorder('<'))",
        var type when Known(type) is null => $"holds {type}; known are <f8, <f4, <f2, <i8, <i4, <i2, |i1, |u1 and |b1",
        _ => header.Shape.Count > Shape.MaxRank ? $"has {header.Shape.Count} dimensions" : "",
    };

    private static TensorEntry Entry(string path, string name, ByteSource source, long start, NpyHeader header)
    {
        (DType dtype, int size) = Known(header.Type)!.Value;
        Shape shape = Dimensions.Check(path, $"'{name}'", header.Shape);
        if (shape.Count * size != source.Length - start)
            throw new BadFileException(path, $"'{name}' {shape} needs {shape.Count * size} bytes, but has {source.Length - start}; was the copy cut short?");
        return new TensorEntry(name, dtype, shape, new Place(source, start, header.IsFortran ? Fortran(shape) : new Layout(shape), size));
    }

    /// <summary>The first dimension's elements are neighbours.</summary>
    private static Layout Fortran(in Shape shape)
    {
        Span<long> strides = stackalloc long[shape.Rank];
        long stride = 1;
        for (int i = 0; i < strides.Length; i++)
        {
            strides[i] = stride;
            stride *= shape[i];
        }
        return new Layout(shape, strides, 0);
    }
}
