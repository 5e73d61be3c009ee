namespace JepaEngine.Backends.Reference;

/// <summary>The bf16 operands of a call as f32 copies, of which those it writes are rounded back at the end.</summary>
internal sealed class Widened(Backend plain) : IDisposable
{
    private readonly MemoryScope memory = new(plain.Memory, "widened");
    private readonly List<(Operand Copy, Operand Stored)> written = [];

    /// <summary>An operand that is read.</summary>
    public Operand In(in Operand operand)
    {
        if (operand.DType != DType.BF16)
            return operand;
        var copy = new Operand(memory.Rent(operand.Count * sizeof(float)), DType.F32, new Layout(operand.Shape));
        plain.Copy(operand, copy);
        return copy;
    }

    /// <summary>An operand that may be absent.</summary>
    public Operand? In(in Operand? operand) => operand is { } present ? In(present) : null;

    /// <summary>An operand that is written, and perhaps read before.</summary>
    public Operand Out(in Operand operand)
    {
        Operand copy = In(operand);
        if (operand.DType == DType.BF16)
            written.Add((copy, operand));
        return copy;
    }

    /// <summary>An operand that may be absent.</summary>
    public Operand? Out(in Operand? operand) => operand is { } present ? Out(present) : null;

    /// <summary>Rounds what was written.</summary>
    public void Dispose()
    {
        foreach ((Operand copy, Operand stored) in written)
            plain.Copy(copy, stored);
        memory.Dispose();
    }
}
