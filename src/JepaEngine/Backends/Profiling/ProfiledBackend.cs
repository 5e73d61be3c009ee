namespace JepaEngine.Backends.Profiling;

/// <summary>
/// A backend that lets another one do the work and tells a profile of each call. The shape in a profile is that of the first operand, but for products
/// [.., M, N, K], patches [B, N, D, numbers of a patch], attention [B, H, Nq, Nk, E] and what is made from nothing; behind it stands how a matrix product's
/// operands lie (N or T each) and what it ends with.
/// </summary>
internal sealed class ProfiledBackend(Backend inner, CallLog profile) : Backend(inner.Memory)
{
    private static readonly string[] Forms = ["NN", "NT", "TN", "TT"];
    private static readonly string[,] Products = Kinds(Forms, Named<Activation>());
    private static readonly string[] Unaries = Named<UnaryOp>(), Binaries = Named<BinaryOp>(), Losses = Named<LossKind>();

    internal override Backend Inner => inner;

    public override string Description => inner.Description;

    public override long Launches => inner.Launches;

    public override long BytesMoved => inner.BytesMoved;

    public override void Upload(nint source, long bytes, in Operand dst)
    {
        using var _ = profile.Begin("Upload", dst.Shape, "", 0, 2.0 * bytes);
        inner.Upload(source, bytes, dst);
    }

    public override void Download(in Operand src, nint destination, long bytes)
    {
        using var _ = profile.Begin("Download", src.Shape, "", 0, 2.0 * bytes);
        inner.Download(src, destination, bytes);
    }

    public override void Copy(in Operand src, in Operand dst)
    {
        string kind = src.DType != dst.DType ? "converted" : src.Layout.IsContiguous && dst.Layout.IsContiguous ? "" : "strided";
        using var _ = profile.Begin("Copy", dst.Shape, kind, 0, OperationCost.Bytes(src, dst));
        inner.Copy(src, dst);
    }

    public override void Fill(in Operand dst, double value)
    {
        using var _ = profile.Begin("Fill", dst.Shape, "", 0, OperationCost.Bytes(dst));
        inner.Fill(dst, value);
    }

    public override void RandomNormal(in Operand dst, PhiloxKey key, double mean, double std)
    {
        using var _ = profile.Begin("RandomNormal", dst.Shape, "", 0, OperationCost.Bytes(dst));
        inner.RandomNormal(dst, key, mean, std);
    }

    public override void RandomUniform(in Operand dst, PhiloxKey key, double low, double high)
    {
        using var _ = profile.Begin("RandomUniform", dst.Shape, "", 0, OperationCost.Bytes(dst));
        inner.RandomUniform(dst, key, low, high);
    }

    public override void Dropout(in Operand x, double rate, PhiloxKey key, in Operand dst)
    {
        using var _ = profile.Begin("Dropout", x.Shape, "", x.Count, OperationCost.Bytes(x, dst));
        inner.Dropout(x, rate, key, dst);
    }

    public override void MatMul(in Operand a, in Operand b, in Operand dst, in Epilogue epilogue)
    {
        int k = a.Shape[^1], n = dst.Shape[^1], m = dst.Shape[^2];
        Shape shape = dst.Shape.Rank == 3 ? [dst.Shape[0], m, n, k] : [m, n, k];
        string kind = Products[(IsTransposed(a) ? 2 : 0) + (IsTransposed(b) ? 1 : 0), (int)epilogue.Activation];
        using var _ = profile.Begin("MatMul", shape, kind, OperationCost.MatMul(a, dst),
            OperationCost.Bytes(a, b, dst, epilogue.Bias, epilogue.Derivative, epilogue.Multiplier, epilogue.Residual));
        inner.MatMul(a, b, dst, epilogue);
    }

    public override void PatchEmbed(in Operand pixels, PixelTransform? transform, in Operand? visible, in Operand weight, in Operand bias, in Operand dst)
    {
        (double flops, double read) = OperationCost.PatchEmbed(pixels, weight, dst);
        using var _ = profile.Begin("PatchEmbed", Patches(dst, weight), "", flops, read + OperationCost.Bytes(visible, weight, bias, dst));
        inner.PatchEmbed(pixels, transform, visible, weight, bias, dst);
    }

    public override void PatchEmbedWeightGrad(in Operand pixels, PixelTransform? transform, in Operand? visible, in Operand dy, in Operand dweight,
        bool accumulate)
    {
        (double flops, double read) = OperationCost.PatchEmbed(pixels, dweight, dy);
        using var _ = profile.Begin("PatchEmbedWeightGrad", Patches(dy, dweight), "", flops,
            read + OperationCost.Bytes(visible, dy, dweight, accumulate ? dweight : null));
        inner.PatchEmbedWeightGrad(pixels, transform, visible, dy, dweight, accumulate);
    }

    public override void PatchEmbedPixelsGrad(in Operand dy, in Operand weight, in Operand dpixels)
    {
        double flops = OperationCost.PatchEmbed(dpixels, weight, dy).Flops;
        using var _ = profile.Begin("PatchEmbedPixelsGrad", Patches(dy, weight), "", flops, OperationCost.Bytes(dy, weight, dpixels));
        inner.PatchEmbedPixelsGrad(dy, weight, dpixels);
    }

    public override void Attention(in Operand q, in Operand k, in Operand v, double scale, int causalBlock, in Operand dst, in Operand lse,
        in Operand? cos = null, in Operand? sin = null)
    {
        double turned = cos is null ? 0 : OperationCost.Rotary * (q.Count + k.Count);
        using var _ = profile.Begin("Attention", Heads(q, k), Seen(causalBlock, cos), OperationCost.Attention(q, k, causalBlock) + turned,
            OperationCost.Bytes(q, k, v, dst, lse, cos, sin));
        inner.Attention(q, k, v, scale, causalBlock, dst, lse, cos, sin);
    }

    /// <summary>Scores anew, then a product for each of three gradients and of the weights': 5 products to the call's 2.</summary>
    public override void AttentionGrad(in Operand q, in Operand k, in Operand v, in Operand y, in Operand lse, in Operand dy,
        double scale, int causalBlock, in Operand dq, in Operand dk, in Operand dv, in Operand? cos = null, in Operand? sin = null)
    {
        double turned = cos is null ? 0 : 2 * OperationCost.Rotary * (q.Count + k.Count);
        using var _ = profile.Begin("AttentionGrad", Heads(q, k), Seen(causalBlock, cos), 2.5 * OperationCost.Attention(q, k, causalBlock) + turned,
            OperationCost.Bytes(q, k, v, y, lse, dy, dq, dk, dv, cos, sin));
        inner.AttentionGrad(q, k, v, y, lse, dy, scale, causalBlock, dq, dk, dv, cos, sin);
    }

    public override void Rotary(in Operand x, in Operand cos, in Operand sin, bool transposed, in Operand dst)
    {
        using var _ = profile.Begin("Rotary", x.Shape, transposed ? "transposed" : "", OperationCost.Rotary * x.Count, OperationCost.Bytes(x, cos, sin, dst));
        inner.Rotary(x, cos, sin, transposed, dst);
    }

    public override void LayerNorm(in Operand x, in Operand? weight, in Operand? bias, double eps, in Operand dst, in Operand mean, in Operand rstd)
    {
        using var _ = profile.Begin("LayerNorm", x.Shape, "", OperationCost.LayerNorm * x.Count, OperationCost.Bytes(x, weight, bias, dst, mean, rstd));
        inner.LayerNorm(x, weight, bias, eps, dst, mean, rstd);
    }

    public override void LayerNormGrad(in Operand x, in Operand? weight, in Operand mean, in Operand rstd, in Operand dy,
        in Operand dx, bool accumulate, in Operand? dweight, in Operand? dbias)
    {
        using var _ = profile.Begin("LayerNormGrad", x.Shape, "", OperationCost.LayerNorm * x.Count,
            OperationCost.Bytes(x, weight, mean, rstd, dy, dx, accumulate ? dx : null, dweight, dbias));
        inner.LayerNormGrad(x, weight, mean, rstd, dy, dx, accumulate, dweight, dbias);
    }

    public override void AdaLayerNorm(in Operand x, in Operand shift, in Operand scale, double eps, in Operand dst, in Operand mean, in Operand rstd)
    {
        using var _ = profile.Begin("AdaLayerNorm", x.Shape, "", OperationCost.AdaLayerNorm * x.Count, OperationCost.Bytes(x, shift, scale, dst, mean, rstd));
        inner.AdaLayerNorm(x, shift, scale, eps, dst, mean, rstd);
    }

    public override void AdaLayerNormGrad(in Operand x, in Operand scale, in Operand mean, in Operand rstd, in Operand dy,
        in Operand dx, bool accumulate, in Operand dshift, in Operand dscale)
    {
        using var _ = profile.Begin("AdaLayerNormGrad", x.Shape, "", OperationCost.AdaLayerNorm * x.Count,
            OperationCost.Bytes(x, scale, mean, rstd, dy, dx, accumulate ? dx : null, dshift, dscale));
        inner.AdaLayerNormGrad(x, scale, mean, rstd, dy, dx, accumulate, dshift, dscale);
    }

    public override void BatchNorm(in Operand x, in Operand weight, in Operand bias, in Operand runningMean, in Operand runningVariance,
        double momentum, double eps, in Operand dst, in Operand mean, in Operand rstd)
    {
        using var _ = profile.Begin("BatchNorm", x.Shape, "", OperationCost.BatchNorm * x.Count,
            OperationCost.Bytes(x, weight, bias, dst, mean, rstd) + 2 * OperationCost.Bytes(runningMean, runningVariance));
        inner.BatchNorm(x, weight, bias, runningMean, runningVariance, momentum, eps, dst, mean, rstd);
    }

    public override void BatchNormInference(in Operand x, in Operand weight, in Operand bias, in Operand runningMean, in Operand runningVariance,
        double eps, in Operand dst)
    {
        using var _ = profile.Begin("BatchNormInference", x.Shape, "", OperationCost.BatchNormInference * x.Count,
            OperationCost.Bytes(x, weight, bias, runningMean, runningVariance, dst));
        inner.BatchNormInference(x, weight, bias, runningMean, runningVariance, eps, dst);
    }

    public override void BatchNormGrad(in Operand x, in Operand weight, in Operand mean, in Operand rstd, in Operand dy,
        in Operand dx, in Operand dweight, in Operand dbias)
    {
        using var _ = profile.Begin("BatchNormGrad", x.Shape, "", OperationCost.BatchNorm * x.Count,
            OperationCost.Bytes(x, weight, mean, rstd, dy, dx, dweight, dbias));
        inner.BatchNormGrad(x, weight, mean, rstd, dy, dx, dweight, dbias);
    }

    public override void Unary(UnaryOp op, in Operand x, in Operand dst)
    {
        using var _ = profile.Begin("Unary", x.Shape, Unaries[(int)op], OperationCost.Unary(op) * x.Count, OperationCost.Bytes(x, dst));
        inner.Unary(op, x, dst);
    }

    public override void UnaryGrad(UnaryOp op, in Operand x, in Operand dy, in Operand dx)
    {
        using var _ = profile.Begin("UnaryGrad", x.Shape, Unaries[(int)op], OperationCost.Unary(op) * x.Count, OperationCost.Bytes(x, dy, dx));
        inner.UnaryGrad(op, x, dy, dx);
    }

    public override void Binary(BinaryOp op, in Operand a, in Operand b, in Operand dst)
    {
        using var _ = profile.Begin("Binary", dst.Shape, Binaries[(int)op], dst.Count, OperationCost.Bytes(a, b, dst));
        inner.Binary(op, a, b, dst);
    }

    public override void Affine(in Operand x, double scale, double shift, in Operand dst)
    {
        using var _ = profile.Begin("Affine", dst.Shape, "", OperationCost.Affine * dst.Count, OperationCost.Bytes(x, dst));
        inner.Affine(x, scale, shift, dst);
    }

    public override void GatedAdd(in Operand residual, in Operand gate, in Operand x, in Operand dst)
    {
        using var _ = profile.Begin("GatedAdd", dst.Shape, "", OperationCost.GatedAdd * dst.Count, OperationCost.Bytes(residual, gate, x, dst));
        inner.GatedAdd(residual, gate, x, dst);
    }

    public override void Sum(in Operand x, double scale, in Operand dst)
    {
        string kind = dst.Count == 1 ? "all" : dst.Shape[^1] < x.Shape[^1] ? "across" : "down";
        using var _ = profile.Begin("Sum", x.Shape, kind, x.Count, OperationCost.Bytes(x, dst));
        inner.Sum(x, scale, dst);
    }

    public override void Embedding(in Operand table, in Operand ids, in Operand dst)
    {
        using var _ = profile.Begin("Embedding", dst.Shape, "", 0, OperationCost.Bytes(ids) + 2 * OperationCost.Bytes(dst));
        inner.Embedding(table, ids, dst);
    }

    public override void EmbeddingGrad(in Operand dy, in Operand ids, in Operand dtable)
    {
        using var _ = profile.Begin("EmbeddingGrad", dy.Shape, "", dy.Count, OperationCost.Bytes(dy, ids, dtable));
        inner.EmbeddingGrad(dy, ids, dtable);
    }

    public override void Loss(LossKind kind, in Operand prediction, in Operand target, in Operand dst)
    {
        using var _ = profile.Begin("Loss", prediction.Shape, Losses[(int)kind], OperationCost.Loss(kind) * prediction.Count,
            OperationCost.Bytes(prediction, target, dst));
        inner.Loss(kind, prediction, target, dst);
    }

    public override void LossGrad(LossKind kind, in Operand prediction, in Operand target, in Operand dloss, in Operand dprediction)
    {
        using var _ = profile.Begin("LossGrad", prediction.Shape, Losses[(int)kind], OperationCost.Loss(kind) * prediction.Count,
            OperationCost.Bytes(prediction, target, dloss, dprediction));
        inner.LossGrad(kind, prediction, target, dloss, dprediction);
    }

    /// <summary>Of the targets the rows that ids names are read.</summary>
    public override void LatentLoss(LossKind kind, in Operand prediction, in Operand targets, in Operand ids, double? eps,
        in Operand dst, in Operand? derivative)
    {
        using var _ = profile.Begin("LatentLoss", prediction.Shape, Losses[(int)kind], OperationCost.LatentLoss * prediction.Count,
            2 * OperationCost.Bytes(prediction) + OperationCost.Bytes(ids, dst, derivative));
        inner.LatentLoss(kind, prediction, targets, ids, eps, dst, derivative);
    }

    public override void LatentLossGrad(in Operand derivative, in Operand dloss, in Operand dprediction)
    {
        using var _ = profile.Begin("LatentLossGrad", derivative.Shape, "", derivative.Count, OperationCost.Bytes(derivative, dloss, dprediction));
        inner.LatentLossGrad(derivative, dloss, dprediction);
    }

    public override void NormalizeRows(in Operand dst)
    {
        using var _ = profile.Begin("NormalizeRows", dst.Shape, "", OperationCost.NormalizeRows * dst.Count, 2 * OperationCost.Bytes(dst));
        inner.NormalizeRows(dst);
    }

    public override void SigReg(in Operand u, int knots, in Operand dst)
    {
        using var _ = profile.Begin("SigReg", u.Shape, "", OperationCost.SigReg(u, knots), OperationCost.Bytes(u, dst));
        inner.SigReg(u, knots, dst);
    }

    /// <summary>Sums anew, then each sample's own share.</summary>
    public override void SigRegGrad(in Operand u, int knots, in Operand dloss, in Operand du)
    {
        using var _ = profile.Begin("SigRegGrad", u.Shape, "", 2 * OperationCost.SigReg(u, knots), OperationCost.Bytes(u, dloss, du));
        inner.SigRegGrad(u, knots, dloss, du);
    }

    public override void CemSample(in CemState state)
    {
        using var _ = profile.Begin("CemSample", state.Candidates.Shape, "", 0, OperationCost.Bytes(state.Mean, state.Std, state.Candidates));
        inner.CemSample(state);
    }

    /// <summary>Without a weight only the last step of each path is read.</summary>
    public override void CemScore(in Operand path, in Operand goals, double? meanWeight, in Operand costs)
    {
        double read = meanWeight is null ? 1.0 / path.Shape[1] : 1;
        using var _ = profile.Begin("CemScore", path.Shape, meanWeight is null ? "last" : "nearest", OperationCost.Distance * read * path.Count,
            read * OperationCost.Bytes(path) + OperationCost.Bytes(goals, costs));
        inner.CemScore(path, goals, meanWeight, costs);
    }

    /// <summary>Of the candidates the elites are read.</summary>
    public override void CemRefit(in CemState state)
    {
        using var _ = profile.Begin("CemRefit", state.Candidates.Shape, "", 0,
            OperationCost.Bytes(state.Candidates) * state.Elites / state.Count + OperationCost.Bytes(state.Costs, state.Mean, state.Std));
        inner.CemRefit(state);
    }

    public override void AdamW(in AdamWArena arena, in Operand step)
    {
        using var _ = profile.Begin("AdamW", arena.Parameter.Shape, arena.Average is null ? "" : "average", OperationCost.AdamW * arena.Parameter.Count,
            OperationCost.AdamWBytes(arena));
        inner.AdamW(arena, step);
    }

    public override void Ema(in Operand average, in Operand value, double decay)
    {
        using var _ = profile.Begin("Ema", value.Shape, "", OperationCost.Ema * value.Count, OperationCost.Bytes(value) + 2 * OperationCost.Bytes(average));
        inner.Ema(average, value, decay);
    }

    public override void SumOfSquares(in Operand x, in Operand dst)
    {
        using var _ = profile.Begin("SumOfSquares", x.Shape, "", OperationCost.SumOfSquares * x.Count, OperationCost.Bytes(x, dst));
        inner.SumOfSquares(x, dst);
    }

    private static Shape Patches(in Operand tokens, in Operand weight) =>
        [tokens.Shape[0], tokens.Shape[1], tokens.Shape[2], (int)OperationCost.Patch(weight)];

    private static Shape Heads(in Operand q, in Operand k) => [q.Shape[0], q.Shape[2], q.Shape[1], k.Shape[1], q.Shape[3]];

    private static string Seen(int causalBlock, in Operand? cos) => (causalBlock, cos) switch
    {
        (0, null) => "",
        (0, _) => "turned",
        (_, null) => "causal",
        _ => "causal turned",
    };

    /// <summary>Whether columns, not rows, lie side by side.</summary>
    private static bool IsTransposed(in Operand matrix) => matrix.Layout.Stride(-1) != 1 && matrix.Shape[^1] > 1;

    private static string[] Named<T>() where T : struct, Enum => [.. Enum.GetNames<T>().Select(name => name.ToLowerInvariant())];

    private static string[,] Kinds(string[] forms, string[] activations)
    {
        string[,] kinds = new string[forms.Length, activations.Length];
        for (int form = 0; form < forms.Length; form++)
            for (int activation = 0; activation < activations.Length; activation++)
                kinds[form, activation] = activation == 0 ? forms[form] : $"{forms[form]} {activations[activation]}";
        return kinds;
    }
}
