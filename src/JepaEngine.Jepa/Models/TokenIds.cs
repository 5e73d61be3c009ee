namespace JepaEngine.Jepa.Models;

/// <summary>Ids of tokens, as masks have them. They are looked at on the host: a kernel would read beyond a
/// table.</summary>
internal static class TokenIds
{
    /// <summary>The ids, row by row.</summary>
    /// <param name="ids">I32 or I64 [B, K].</param>
    /// <param name="tokens">How many there are.</param>
    /// <param name="name">What the ids are of, for messages.</param>
    /// <exception cref="ArgumentException">They are no integers [B, K].</exception>
    /// <exception cref="ArgumentOutOfRangeException">There are none, or one is none of the tokens.</exception>
    public static long[] Read(Tensor ids, int tokens, string name)
    {
        JepaConfig.Require(ids.Shape.Rank == 2 && ids.DType is DType.I32 or DType.I64, $"{name} {ids} is "
            + $"not I32 or I64 ids [B, K]");
        if (ids.Shape.Count == 0)
            throw new ArgumentOutOfRangeException(name, $"{name} {ids.Shape} has no id; each row needs one or more");
        long[] read = ids.ToArray<long>();
        for (int i = 0; i < read.Length; i++)
        {
            if (read[i] < 0 || read[i] >= tokens)
                throw new ArgumentOutOfRangeException(name, read[i],
                    $"{name}: id {read[i]} at [{i / ids.Shape[1]}, {i % ids.Shape[1]}] is not one of the "
                        + $"tokens 0 to {tokens - 1}");
        }
        return read;
    }
}
