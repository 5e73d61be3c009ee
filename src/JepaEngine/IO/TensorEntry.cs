namespace JepaEngine.IO;

/// <summary>A tensor in a file.</summary>
public sealed class TensorEntry
{
    internal TensorEntry(string name, DType dtype, in Shape shape, Place place) =>
        (Name, DType, Shape, Place) = (name, dtype, shape, place);

    /// <summary>Its name.</summary>
    public string Name { get; }

    /// <summary>Type of an element as it is read: 8 and 16-bit signed integers as I32, booleans as U8.</summary>
    public DType DType { get; }

    /// <summary>Its lengths.</summary>
    public Shape Shape { get; }

    internal Place Place { get; }
}

/// <summary>Where the elements lie.</summary>
/// <param name="Source">The bytes they are among.</param>
/// <param name="Start">Byte from which the layout counts.</param>
/// <param name="Layout">In elements of the file's size.</param>
/// <param name="ElementSize">Bytes of an element; fewer than its dtype has where a signed integer is to be widened.</param>
internal sealed record Place(ByteSource Source, long Start, Layout Layout, int ElementSize)
{
    /// <summary>Elements from the layout's first to its last, gaps included; strides are not negative, but may be made to overflow.</summary>
    public long Span
    {
        get
        {
            Int128 last = 0;
            for (int i = 0; i < Layout.Shape.Rank; i++)
                last += (Int128)(Layout.Shape[i] - 1) * Layout.Stride(i);
            return Layout.Shape.Count == 0 ? 0 : (long)Int128.Min(last + 1, long.MaxValue);
        }
    }

    /// <summary>Byte of the first element.</summary>
    public long First => Start + Layout.Offset * ElementSize;
}
