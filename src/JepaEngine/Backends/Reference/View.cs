namespace JepaEngine.Backends.Reference;

/// <summary>An operand's elements by index, whatever its layout: the only place where the reference backend touches memory.</summary>
internal readonly unsafe struct View<T> where T : unmanaged
{
    private readonly T* data;
    private readonly Layout layout;
    private readonly bool contiguous;
    private readonly long stride0, stride1, stride2, stride3;

    public View(in Operand operand)
    {
        if (operand.DType != DTypes.Of<T>())
            throw new ArgumentException($"the reference backend of {DTypes.Of<T>()} was handed {operand.DType}", nameof(operand));
        data = operand.Storage.As<T>();
        layout = operand.Layout;
        contiguous = layout.IsContiguous;
        Count = layout.Shape.Count;
        stride0 = Stride(4);
        stride1 = Stride(3);
        stride2 = Stride(2);
        stride3 = Stride(1);
    }

    /// <summary>Number of elements.</summary>
    public long Count { get; }

    /// <summary>The element with this row-major number.</summary>
    public ref T this[long element] => ref data[contiguous ? layout.Offset + element : layout.IndexOf(element)];

    /// <summary>The element at these indices of the last two dimensions; a view of fewer repeats along those it lacks.</summary>
    public ref T this[long i, long j] => ref data[layout.Offset + i * stride2 + j * stride3];

    /// <summary>The element at these indices of the last three dimensions; a view of fewer repeats along those it lacks.</summary>
    public ref T this[long i, long j, long k] => ref data[layout.Offset + i * stride1 + j * stride2 + k * stride3];

    /// <summary>The element at these indices of the last four dimensions.</summary>
    public ref T this[long i, long j, long k, long l] =>
        ref data[layout.Offset + i * stride0 + j * stride1 + k * stride2 + l * stride3];

    /// <summary>Every element set.</summary>
    public void Fill(T value)
    {
        for (long i = 0; i < Count; i++)
            this[i] = value;
    }

    private long Stride(int fromLast) => fromLast <= layout.Shape.Rank ? layout.Stride(-fromLast) : 0;
}
