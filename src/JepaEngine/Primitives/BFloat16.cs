namespace JepaEngine.Primitives;

/// <summary>
/// The upper 16 bits of a 32-bit float: 8 exponent and 7 fraction bits. A storage format; arithmetic happens in float.
/// .NET 10 has no such type (dotnet/runtime #96295 brings one to .NET 11).
/// </summary>
public readonly record struct BFloat16(ushort Bits)
{
    /// <summary>Rounds to nearest, ties to even; a NaN stays a (quiet) NaN.</summary>
    public static explicit operator BFloat16(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        if (float.IsNaN(value))
            return new BFloat16((ushort)((bits >> 16) | 0x40));
        uint roundUp = 0x7FFF + ((bits >> 16) & 1);
        return new BFloat16((ushort)((bits + roundUp) >> 16));
    }

    /// <summary>Exact.</summary>
    public static implicit operator float(BFloat16 value) => BitConverter.UInt32BitsToSingle((uint)value.Bits << 16);

    /// <inheritdoc/>
    public override string ToString() => ((float)this).ToString();
}
