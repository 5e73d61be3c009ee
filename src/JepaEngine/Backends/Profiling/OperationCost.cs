namespace JepaEngine.Backends.Profiling;

/// <summary>
/// What operations cost, from their operands alone. FLOPs: a multiply-add is two, a function one, as <c>OpCase.Flops</c> counts them; what a product ends
/// with (bias, activation, residual) is not counted, and a gradient counts as its call does where nothing else is said. Bytes: each operand read once, where a
/// stride of 0 repeats an element only that, and each destination written once.
/// </summary>
internal static class OperationCost
{
    /// <summary>Of an element.</summary>
    public const double LayerNorm = 8, AdaLayerNorm = 9, BatchNorm = 8, BatchNormInference = 4, NormalizeRows = 3, Rotary = 3, LatentLoss = 11, Distance = 3,
        Affine = 2, GatedAdd = 2, SumOfSquares = 2, Ema = 3, AdamW = 14;

    /// <summary>Of a projection and a knot: a product, a sine, a cosine and two sums.</summary>
    private const double Knot = 5;

    /// <summary>Bytes of operands, each once; null ones have none.</summary>
    public static double Bytes(params ReadOnlySpan<Operand?> operands)
    {
        double bytes = 0;
        foreach (ref readonly Operand? operand in operands)
            if (operand is { } present)
                bytes += Distinct(present.Layout) * (double)present.DType.Size();
        return bytes;
    }

    /// <summary>dst [.., M, N] = a [.., M, K] · b.</summary>
    public static double MatMul(in Operand a, in Operand dst) => 2.0 * dst.Count * a.Shape[^1];

    /// <summary>Of an element.</summary>
    public static double Unary(UnaryOp op) => op is UnaryOp.Gelu or UnaryOp.Silu ? 4 : 1;

    /// <summary>Of an element.</summary>
    public static double Loss(LossKind kind) => kind == LossKind.SmoothL1 ? 4 : 3;

    /// <summary>Both products of what is seen, queries [B, Nq, H, E] and keys [B, Nk, H, E].</summary>
    public static double Attention(in Operand q, in Operand k, int causalBlock)
    {
        int queries = q.Shape[1], keys = k.Shape[1];
        double seen = (double)queries * keys;
        if (causalBlock > 0)
        {
            seen = 0;
            for (int i = 0; i < queries; i++)
                seen += Math.Min(keys, (long)causalBlock * ((i + keys - queries) / causalBlock + 1));
        }
        return 4.0 * q.Shape[0] * q.Shape[2] * q.Shape[3] * seen;
    }

    /// <summary>Numbers of a patch, from the projection [D, C, Tt, P, P].</summary>
    public static long Patch(in Operand weight) => weight.Count / Math.Max(1, weight.Shape[0]);

    /// <summary>The pixels of the tokens [B, N, D] of a <see cref="Backend.PatchEmbed"/>, and the product with them.</summary>
    public static (double Flops, double PixelBytes) PatchEmbed(in Operand pixels, in Operand weight, in Operand tokens)
    {
        double numbers = (double)tokens.Count / Math.Max(1, weight.Shape[0]) * Patch(weight);
        return (2 * numbers * weight.Shape[0], numbers * pixels.DType.Size());
    }

    /// <summary>u [T, N, K] at every knot.</summary>
    public static double SigReg(in Operand u, int knots) => Knot * knots * u.Count;

    /// <summary>All but the gradient is read and written; a master's rounded copies are written only.</summary>
    public static double AdamWBytes(in AdamWArena arena) =>
        2 * Bytes(arena.Master ?? arena.Parameter, arena.Moment1, arena.Moment2, arena.Average) + Bytes(arena.Gradient, arena.AverageCopy)
        + (arena.Master is null ? 0 : Bytes(arena.Parameter));

    private static long Distinct(in Layout layout)
    {
        long count = 1;
        for (int i = 0; i < layout.Shape.Rank; i++)
            if (layout.Stride(i) != 0 || layout.Shape[i] == 0)
                count *= layout.Shape[i];
        return count;
    }
}
