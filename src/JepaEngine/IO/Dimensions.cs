namespace JepaEngine.IO;

/// <summary>Turns the lengths that a file claims into a shape.</summary>
internal static class Dimensions
{
    /// <summary>The shape.</summary>
    /// <exception cref="BadFileException">There are too many, one is negative or beyond 31 bits, or their product is beyond any memory.</exception>
    public static Shape Check(string path, string who, IReadOnlyList<long> lengths)
    {
        if (lengths.FirstOrDefault(length => length is < 0 or > int.MaxValue) is var wrong and not 0)
            throw new BadFileException(path, $"{who} has a dimension of {wrong}; it has to be in 0..{int.MaxValue}");
        try
        {
            return new Shape([.. lengths.Select(length => (int)length)]);
        }
        catch (ArgumentException error)
        {
            throw new BadFileException(path, $"{who} cannot be: {error.Message}", error);
        }
    }
}
