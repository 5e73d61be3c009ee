namespace JepaEngine.Backends.Reference;

/// <summary>
/// The straightforward implementation of a bf16 tier: tensors are stored in bf16, each operation is done in f32 on
/// what is stored, and its results
/// are rounded once. By its error the fast kernels of that tier are judged. Operands in f32 pass through.
/// </summary>
/// <param name="plain">
/// Does it in f32: the plain loops or, where these would take hours, the processor's kernels.
/// </param>
internal sealed class RoundedBackend(Backend plain) : Backend(plain.Memory), IDisposable
{
    public override string Description => "reference BF16";

    /// <summary>Ends the kernels' threads, where they have any.</summary>
    public void Dispose() => (plain as IDisposable)?.Dispose();

    public override void Copy(in Operand src, in Operand dst) => plain.Copy(src, dst);

    public override void Fill(in Operand dst, double value) => plain.Fill(dst, value);

    public override void MatMul(in Operand a, in Operand b, in Operand dst, in Epilogue epilogue)
    {
        using var w = new Widened(plain);
        plain.MatMul(w.In(a), w.In(b), w.Out(dst), epilogue with
        {
            Bias = w.In(epilogue.Bias), Derivative = w.Out(epilogue.Derivative), Multiplier = w.In(epilogue.Multiplier), Residual = w.In(epilogue.Residual),
        });
    }

    public override void AdamW(in AdamWArena arena, in Operand step)
    {
        using var w = new Widened(plain);
        plain.AdamW(arena with { Parameter = arena.Master ?? w.Out(arena.Parameter), Gradient = w.In(arena.Gradient), Master = null, AverageCopy = null }, step);
        if (arena.Master is { } master)
            plain.Copy(master, arena.Parameter);
        if (arena.AverageCopy is { } copy)
            plain.Copy(arena.Average!.Value, copy);
    }

    public override void RandomNormal(in Operand dst, PhiloxKey key, double mean, double std)
    {
        using var w = new Widened(plain);
        plain.RandomNormal(w.Out(dst), key, mean, std);
    }

    public override void RandomUniform(in Operand dst, PhiloxKey key, double low, double high)
    {
        using var w = new Widened(plain);
        plain.RandomUniform(w.Out(dst), key, low, high);
    }

    public override void Dropout(in Operand x, double rate, PhiloxKey key, in Operand dst)
    {
        using var w = new Widened(plain);
        plain.Dropout(w.In(x), rate, key, w.Out(dst));
    }

    public override void PatchEmbed(in Operand pixels, PixelTransform? transform, in Operand? visible, in Operand weight, in Operand bias, in Operand dst)
    {
        using var w = new Widened(plain);
        plain.PatchEmbed(w.In(pixels), transform, w.In(visible), w.In(weight), w.In(bias), w.Out(dst));
    }

    public override void PatchEmbedWeightGrad(in Operand pixels, PixelTransform? transform, in Operand? visible, in Operand dy, in Operand dweight, bool accumulate)
    {
        using var w = new Widened(plain);
        plain.PatchEmbedWeightGrad(w.In(pixels), transform, w.In(visible), w.In(dy), w.Out(dweight), accumulate);
    }

    public override void PatchEmbedPixelsGrad(in Operand dy, in Operand weight, in Operand dpixels)
    {
        using var w = new Widened(plain);
        plain.PatchEmbedPixelsGrad(w.In(dy), w.In(weight), w.Out(dpixels));
    }

    public override void Attention(in Operand q, in Operand k, in Operand v, double scale, int causalBlock, in Operand dst, in Operand lse,
        in Operand? cos = null, in Operand? sin = null)
    {
        // Turned queries and keys are rounded as those of a Rotary of their own are: bf16 is what tensor cores multiply.
        if (cos is { } c && sin is { } s)
        {
            TurnedAttention.Forward(this, q, k, v, scale, causalBlock, dst, lse, c, s);
            return;
        }
        using var w = new Widened(plain);
        plain.Attention(w.In(q), w.In(k), w.In(v), scale, causalBlock, w.Out(dst), w.In(lse));
    }

    public override void AttentionGrad(in Operand q, in Operand k, in Operand v, in Operand y, in Operand lse, in Operand dy, double scale, int causalBlock, in Operand dq, in Operand dk, in Operand dv,
        in Operand? cos = null, in Operand? sin = null)
    {
        if (cos is { } c && sin is { } s)
        {
            TurnedAttention.Gradient(this, q, k, v, y, lse, dy, scale, causalBlock, dq, dk, dv, c, s);
            return;
        }
        using var w = new Widened(plain);
        plain.AttentionGrad(w.In(q), w.In(k), w.In(v), w.In(y), w.In(lse), w.In(dy), scale, causalBlock, w.Out(dq), w.Out(dk), w.Out(dv));
    }

    public override void Rotary(in Operand x, in Operand cos, in Operand sin, bool transposed, in Operand dst)
    {
        using var w = new Widened(plain);
        plain.Rotary(w.In(x), w.In(cos), w.In(sin), transposed, w.Out(dst));
    }

    public override void LayerNorm(in Operand x, in Operand? weight, in Operand? bias, double eps, in Operand dst, in Operand mean, in Operand rstd)
    {
        using var w = new Widened(plain);
        plain.LayerNorm(w.In(x), w.In(weight), w.In(bias), eps, w.Out(dst), w.In(mean), w.In(rstd));
    }

    public override void LayerNormGrad(in Operand x, in Operand? weight, in Operand mean, in Operand rstd, in Operand dy, in Operand dx, bool accumulate, in Operand? dweight, in Operand? dbias)
    {
        using var w = new Widened(plain);
        plain.LayerNormGrad(w.In(x), w.In(weight), w.In(mean), w.In(rstd), w.In(dy), w.Out(dx), accumulate, w.Out(dweight), w.Out(dbias));
    }

    public override void AdaLayerNorm(in Operand x, in Operand shift, in Operand scale, double eps, in Operand dst, in Operand mean, in Operand rstd)
    {
        using var w = new Widened(plain);
        plain.AdaLayerNorm(w.In(x), w.In(shift), w.In(scale), eps, w.Out(dst), w.In(mean), w.In(rstd));
    }

    public override void AdaLayerNormGrad(in Operand x, in Operand scale, in Operand mean, in Operand rstd, in Operand dy, in Operand dx, bool accumulate, in Operand dshift, in Operand dscale)
    {
        using var w = new Widened(plain);
        plain.AdaLayerNormGrad(w.In(x), w.In(scale), w.In(mean), w.In(rstd), w.In(dy), w.Out(dx), accumulate, w.Out(dshift), w.Out(dscale));
    }

    public override void BatchNorm(in Operand x, in Operand weight, in Operand bias, in Operand runningMean, in Operand runningVariance, double momentum, double eps, in Operand dst, in Operand mean, in Operand rstd)
    {
        using var w = new Widened(plain);
        plain.BatchNorm(w.In(x), w.In(weight), w.In(bias), w.In(runningMean), w.In(runningVariance), momentum, eps, w.Out(dst), w.In(mean), w.In(rstd));
    }

    public override void BatchNormInference(in Operand x, in Operand weight, in Operand bias, in Operand runningMean, in Operand runningVariance, double eps, in Operand dst)
    {
        using var w = new Widened(plain);
        plain.BatchNormInference(w.In(x), w.In(weight), w.In(bias), w.In(runningMean), w.In(runningVariance), eps, w.Out(dst));
    }

    public override void BatchNormGrad(in Operand x, in Operand weight, in Operand mean, in Operand rstd, in Operand dy, in Operand dx, in Operand dweight, in Operand dbias)
    {
        using var w = new Widened(plain);
        plain.BatchNormGrad(w.In(x), w.In(weight), w.In(mean), w.In(rstd), w.In(dy), w.Out(dx), w.Out(dweight), w.Out(dbias));
    }

    public override void Unary(UnaryOp op, in Operand x, in Operand dst)
    {
        using var w = new Widened(plain);
        plain.Unary(op, w.In(x), w.Out(dst));
    }

    public override void UnaryGrad(UnaryOp op, in Operand x, in Operand dy, in Operand dx)
    {
        using var w = new Widened(plain);
        plain.UnaryGrad(op, w.In(x), w.In(dy), w.Out(dx));
    }

    public override void Binary(BinaryOp op, in Operand a, in Operand b, in Operand dst)
    {
        using var w = new Widened(plain);
        plain.Binary(op, w.In(a), w.In(b), w.Out(dst));
    }

    public override void Affine(in Operand x, double scale, double shift, in Operand dst)
    {
        using var w = new Widened(plain);
        plain.Affine(w.In(x), scale, shift, w.Out(dst));
    }

    public override void GatedAdd(in Operand residual, in Operand gate, in Operand x, in Operand dst)
    {
        using var w = new Widened(plain);
        plain.GatedAdd(w.In(residual), w.In(gate), w.In(x), w.Out(dst));
    }

    public override void Sum(in Operand x, double scale, in Operand dst)
    {
        using var w = new Widened(plain);
        plain.Sum(w.In(x), scale, w.Out(dst));
    }

    public override void Embedding(in Operand table, in Operand ids, in Operand dst)
    {
        using var w = new Widened(plain);
        plain.Embedding(w.In(table), w.In(ids), w.Out(dst));
    }

    public override void EmbeddingGrad(in Operand dy, in Operand ids, in Operand dtable)
    {
        using var w = new Widened(plain);
        plain.EmbeddingGrad(w.In(dy), w.In(ids), w.Out(dtable));
    }

    public override void Loss(LossKind kind, in Operand prediction, in Operand target, in Operand dst)
    {
        using var w = new Widened(plain);
        plain.Loss(kind, w.In(prediction), w.In(target), w.Out(dst));
    }

    public override void LossGrad(LossKind kind, in Operand prediction, in Operand target, in Operand dloss, in Operand dprediction)
    {
        using var w = new Widened(plain);
        plain.LossGrad(kind, w.In(prediction), w.In(target), w.In(dloss), w.Out(dprediction));
    }

    public override void LatentLoss(LossKind kind, in Operand prediction, in Operand targets, in Operand ids, double? eps, in Operand dst, in Operand? derivative)
    {
        using var w = new Widened(plain);
        plain.LatentLoss(kind, w.In(prediction), w.In(targets), w.In(ids), eps, w.Out(dst), w.Out(derivative));
    }

    public override void LatentLossGrad(in Operand derivative, in Operand dloss, in Operand dprediction)
    {
        using var w = new Widened(plain);
        plain.LatentLossGrad(w.In(derivative), w.In(dloss), w.Out(dprediction));
    }

    public override void NormalizeRows(in Operand dst)
    {
        using var w = new Widened(plain);
        plain.NormalizeRows(w.Out(dst));
    }

    public override void SigReg(in Operand u, int knots, in Operand dst)
    {
        using var w = new Widened(plain);
        plain.SigReg(w.In(u), knots, w.Out(dst));
    }

    public override void SigRegGrad(in Operand u, int knots, in Operand dloss, in Operand du)
    {
        using var w = new Widened(plain);
        plain.SigRegGrad(w.In(u), knots, w.In(dloss), w.Out(du));
    }

    public override void CemScore(in Operand path, in Operand goals, double? meanWeight, in Operand costs)
    {
        using var w = new Widened(plain);
        plain.CemScore(w.In(path), w.In(goals), meanWeight, costs);
    }

    public override void Ema(in Operand average, in Operand value, double decay)
    {
        using var w = new Widened(plain);
        plain.Ema(w.Out(average), w.In(value), decay);
    }

    public override void SumOfSquares(in Operand x, in Operand dst)
    {
        using var w = new Widened(plain);
        plain.SumOfSquares(w.In(x), w.Out(dst));
    }
}
