using System.Runtime.InteropServices;

namespace JepaEngine.Backends;

/// <summary>An elementwise function of one number.</summary>
public enum UnaryOp
{
    /// <summary>x Φ(x), with the exact normal distribution function (erf), not the tanh approximation.</summary>
    Gelu,
    /// <summary>x / (1 + e^-x).</summary>
    Silu,
    /// <summary>max(x, 0).</summary>
    Relu,
    /// <summary>x².</summary>
    Square,
    /// <summary>√x.</summary>
    Sqrt,
    /// <summary>|x|.</summary>
    Abs,
    /// <summary>e^x.</summary>
    Exp,
}

/// <summary>An elementwise function of two numbers.</summary>
public enum BinaryOp
{
    /// <summary>a + b.</summary>
    Add,
    /// <summary>a − b.</summary>
    Subtract,
    /// <summary>a b.</summary>
    Multiply,
    /// <summary>a / b.</summary>
    Divide,
}

/// <summary>How a prediction is compared with its target; each is a mean over all elements of a function of d = prediction − target.</summary>
public enum LossKind
{
    /// <summary>d².</summary>
    MeanSquared,
    /// <summary>|d|.</summary>
    L1,
    /// <summary>d²/2 where |d| &lt; 1, else |d| − 1/2 (PyTorch's smooth_l1 with beta 1).</summary>
    SmoothL1,
}

/// <summary>The activation a matrix product may end with.</summary>
public enum Activation
{
    /// <summary>None.</summary>
    None,
    /// <summary><see cref="UnaryOp.Gelu"/>.</summary>
    Gelu,
    /// <summary><see cref="UnaryOp.Silu"/>.</summary>
    Silu,
}

/// <summary>
/// What happens to an element of a matrix product before it is stored, in this order:
/// v += Bias; Derivative = activation'(v); v = activation(v); v *= Multiplier; v += Residual.
/// </summary>
public readonly record struct Epilogue
{
    /// <summary>[N], added to each row.</summary>
    public Operand? Bias { get; init; }

    /// <summary>Applied after the bias.</summary>
    public Activation Activation { get; init; }

    /// <summary>[M, N], written: the activation's derivative, which is all its gradient needs.</summary>
    public Operand? Derivative { get; init; }

    /// <summary>[M, N], multiplied in: in a gradient the saved derivative.</summary>
    public Operand? Multiplier { get; init; }

    /// <summary>[M, N], added last; may be the destination itself, which makes the product accumulate.</summary>
    public Operand? Residual { get; init; }
}

/// <summary>Turns stored pixels into what a model sees: value = pixel · Scale[c] + Shift[c] for channel c.</summary>
/// <param name="Scale">One factor a channel.</param>
/// <param name="Shift">One summand a channel.</param>
public sealed record PixelTransform(float[] Scale, float[] Shift)
{
    /// <summary>(pixel/255 − mean)/std for uint8 pixels.</summary>
    public static PixelTransform Normalize(ReadOnlySpan<float> mean, ReadOnlySpan<float> std)
    {
        float[] scale = new float[mean.Length], shift = new float[mean.Length];
        for (int c = 0; c < scale.Length; c++)
        {
            scale[c] = 1 / (255 * std[c]);
            shift[c] = -mean[c] / std[c];
        }
        return new PixelTransform(scale, shift);
    }
}

/// <summary>The numbers of one AdamW step (decoupled weight decay, as PyTorch's AdamW), as they lie in memory: kernels read them from the device.</summary>
/// <param name="LearningRate">Step size.</param>
/// <param name="Beta1">Decay of the first moment.</param>
/// <param name="Beta2">Decay of the second moment.</param>
/// <param name="Epsilon">Added to √v̂.</param>
/// <param name="WeightDecay">p loses LearningRate · WeightDecay of itself.</param>
/// <param name="Correction1">1 − Beta1^step: corrects the first moment's bias.</param>
/// <param name="Correction2">1 − Beta2^step.</param>
/// <param name="ClipNorm">The gradient is scaled down to this global norm.</param>
/// <param name="AverageDecay">What the arena's average keeps of itself.</param>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct AdamWStep(double LearningRate, double Beta1, double Beta2, double Epsilon, double WeightDecay,
    double Correction1, double Correction2, double ClipNorm, double AverageDecay)
{
    /// <summary>How many F64 it is in memory.</summary>
    public const int Length = 9;

    /// <summary>The numbers of a step, of which the first is 1.</summary>
    public static AdamWStep Of(long step, double learningRate, double beta1, double beta2, double epsilon, double weightDecay,
        double clipNorm = double.PositiveInfinity, double averageDecay = 0) =>
        new(learningRate, beta1, beta2, epsilon, weightDecay, 1 - Math.Pow(beta1, step), 1 - Math.Pow(beta2, step), clipNorm, averageDecay);

    /// <summary>What the gradient is multiplied by: PyTorch's clip_grad_norm_ adds 1e-6 to the norm it divides by.</summary>
    public double GradientScale(double squaredNorm) => Math.Min(1, ClipNorm / (Math.Sqrt(squaredNorm) + 1e-6));
}

/// <summary>
/// What an AdamW step reads and writes: flat vectors of one length. Moments, master and average are in the dtype of statistics.
/// </summary>
/// <param name="Parameter">Moved; where there is a master, its rounded copy.</param>
/// <param name="Gradient">In the parameters' dtype.</param>
/// <param name="Moment1">First moments.</param>
/// <param name="Moment2">Second moments.</param>
/// <param name="SquaredNorm">F64 scalar: the sum of squares of the gradient of which this may be a part. Where it is not finite nothing moves.</param>
public readonly record struct AdamWArena(Operand Parameter, Operand Gradient, Operand Moment1, Operand Moment2, Operand SquaredNorm)
{
    /// <summary>The parameters proper; null where the parameters are in that dtype themselves.</summary>
    public Operand? Master { get; init; }

    /// <summary>A moving average of the moved parameters, as <see cref="Backend.Ema"/> with the step's AverageDecay, in the same pass.</summary>
    public Operand? Average { get; init; }

    /// <summary>The average rounded to the parameters' dtype; null where there is no master.</summary>
    public Operand? AverageCopy { get; init; }
}

/// <summary>
/// The operations of a device: one method an operation, arguments are operands and a destination. A backend allocates no tensors and
/// decides nothing; shapes and dtypes are already checked (Ops does that). <i>Rows</i> in a comment means: the last dimension has stride
/// 1 and the leading ones collapse to one stride (<see cref="Layout.TryRows"/>). Contiguous is meant where nothing is said.
/// <c>accumulate</c> adds to the destination instead of overwriting it. Statistics (means, rstd, lse, losses and their gradients) are in
/// the device's dtype of statistics; the other floats of a call share one dtype, the device's or that of statistics,
/// and the call computes in it.
/// </summary>
public abstract class Backend
{
    private protected Backend(Allocator memory) => Memory = memory;

    /// <summary>Where a call takes memory for its own length.</summary>
    internal Allocator Memory { get; }

    /// <summary>The backend that does the work: this one, where it does not only watch another.</summary>
    internal virtual Backend Inner => this;

    /// <summary>What the backend is, for reports: as "cpu avx512, 2 threads".</summary>
    public abstract string Description { get; }

    /// <summary>Kernels launched so far, a replayed recording counting as one; 0 on the processor.</summary>
    public virtual long Launches => 0;

    /// <summary>Bytes those kernels had to read and write, each operand counted once, as the launchers reckon; 0 on the processor.</summary>
    public virtual long BytesMoved => 0;

    // Memory ---------------------------------------------------------------------------------------------------------------------

    /// <summary>Copies bytes of the host to where an operand begins; the source may be reused on return.</summary>
    public virtual unsafe void Upload(nint source, long bytes, in Operand dst) => Buffer.MemoryCopy((void*)source, (void*)dst.Address, bytes, bytes);

    /// <summary>Copies bytes from where an operand begins to the host, after everything that was asked of the device before.</summary>
    public virtual unsafe void Download(in Operand src, nint destination, long bytes) => Buffer.MemoryCopy((void*)src.Address, (void*)destination, bytes, bytes);

    /// <summary>As <see cref="Upload(nint, long, in Operand)"/>.</summary>
    public unsafe void Upload<T>(ReadOnlySpan<T> source, in Operand dst) where T : unmanaged
    {
        fixed (T* pointer = source)
            Upload((nint)pointer, (long)source.Length * sizeof(T), dst);
    }

    /// <summary>As <see cref="Download(in Operand, nint, long)"/>.</summary>
    public unsafe void Download<T>(in Operand src, Span<T> destination) where T : unmanaged
    {
        fixed (T* pointer = destination)
            Download(src, (nint)pointer, (long)destination.Length * sizeof(T));
    }

    /// <summary>dst = src converted to dst's dtype; equal shapes, any layouts (a stride of 0 broadcasts).</summary>
    public abstract void Copy(in Operand src, in Operand dst);

    /// <summary>Every element of dst = value; any layout.</summary>
    public abstract void Fill(in Operand dst, double value);

    // Random numbers -------------------------------------------------------------------------------------------------------------

    /// <summary>dst[i] = mean + std · Philox.Normal(key, i).</summary>
    public abstract void RandomNormal(in Operand dst, PhiloxKey key, double mean, double std);

    /// <summary>dst[i] = low + (high − low) · Philox.Uniform(key, i).</summary>
    public abstract void RandomUniform(in Operand dst, PhiloxKey key, double low, double high);

    /// <summary>dst[i] = x[i] / (1 − rate) where Philox.Uniform(key, i) ≥ rate, else 0. Its own gradient with x := dy.</summary>
    public abstract void Dropout(in Operand x, double rate, PhiloxKey key, in Operand dst);

    // Products -------------------------------------------------------------------------------------------------------------------

    /// <summary>
    /// dst [M, N] = epilogue(a [M, K] · b [K, N]), or for each of a leading batch dimension. Of the last two strides of a and of b one is 1
    /// (a transposed matrix is a layout); dst and the epilogue's [M, N] operands have rows of stride 1.
    /// </summary>
    public abstract void MatMul(in Operand a, in Operand b, in Operand dst, in Epilogue epilogue);

    /// <summary>
    /// dst [B, N, D] = bias + Σ over the patch of weight [D, C, Tt, P, P] · transform(pixels [B, C, T, H, W]), with stride Tt in time and P in space;
    /// N = (T/Tt)(H/P)(W/P), row-major. Pictures are clips of one frame with Tt = 1. With visible, I64 [B K], only these patches, dst [B, K, D]:
    /// they are counted over all clips, b N + n. Pixels are U8 or the compute dtype with any strides; a null transform is the identity.
    /// </summary>
    public abstract void PatchEmbed(in Operand pixels, PixelTransform? transform, in Operand? visible, in Operand weight, in Operand bias, in Operand dst);

    /// <summary>dweight [D, C, Tt, P, P] of <see cref="PatchEmbed"/>; dy [B, N or K, D]. (The bias's is a <see cref="Sum"/>.)</summary>
    public abstract void PatchEmbedWeightGrad(in Operand pixels, PixelTransform? transform, in Operand? visible, in Operand dy, in Operand dweight,
        bool accumulate);

    /// <summary>dpixels [B, C, T, H, W] of <see cref="PatchEmbed"/> without a transform, all patches visible; dy [B, N, D].</summary>
    public abstract void PatchEmbedPixelsGrad(in Operand dy, in Operand weight, in Operand dpixels);

    /// <summary>
    /// dst [B, Nq, H, E] = softmax(scale · q [B, Nq, H, E] · k [B, Nk, H, E]ᵀ) · v [B, Nk, H, E] for each batch and head; lse [B, H, Nq] = the
    /// logarithm of each row's sum of exponentials. A causal block of 0 shows every query all keys; of n > 0, tokens come in blocks of n and query i,
    /// at position p = i + Nk − Nq, sees the keys of its own block and of those before: j &lt; n (⌊p/n⌋ + 1). The last stride of each is 1; the
    /// others are free, so that q, k and v may be slices of one packed tensor. No Nq × Nk buffer is made, and the work is that of what is seen.
    /// With cos and sin [B, N, E], Nq = Nk = N, q and k are first turned as by <see cref="Rotary"/>.
    /// </summary>
    public abstract void Attention(in Operand q, in Operand k, in Operand v, double scale, int causalBlock, in Operand dst, in Operand lse,
        in Operand? cos = null, in Operand? sin = null);

    /// <summary>dq, dk, dv of <see cref="Attention"/> from its output y, lse and the output's gradient dy; q, k, dq and dk are not turned.</summary>
    public abstract void AttentionGrad(in Operand q, in Operand k, in Operand v, in Operand y, in Operand lse, in Operand dy,
        double scale, int causalBlock, in Operand dq, in Operand dk, in Operand dv, in Operand? cos = null, in Operand? sin = null);

    /// <summary>
    /// Rotary positions: y[2k] = x[2k] cos[2k] − x[2k+1] sin[2k] and y[2k+1] = x[2k+1] cos[2k+1] + x[2k] sin[2k+1] along the last dimension of x and
    /// dst [B, N, H, E]; transposed, the gradient: y[2k] = x[2k] cos[2k] + x[2k+1] sin[2k+1] and y[2k+1] = x[2k+1] cos[2k+1] − x[2k] sin[2k].
    /// cos and sin are [B, N, E] in the dtype of statistics, E is even. The last stride of each is 1; the others are free. dst is not x.
    /// </summary>
    public abstract void Rotary(in Operand x, in Operand cos, in Operand sin, bool transposed, in Operand dst);

    // Normalisation --------------------------------------------------------------------------------------------------------------

    /// <summary>
    /// dst = (x − mean) · rstd · weight + bias over the last dimension; x, dst: rows of D; weight, bias: [D] or both null;
    /// mean, rstd: one number a row, rstd = 1/√(var + eps) with the biased variance.
    /// </summary>
    public abstract void LayerNorm(in Operand x, in Operand? weight, in Operand? bias, double eps, in Operand dst, in Operand mean, in Operand rstd);

    /// <summary>dx (rows; may accumulate), dweight and dbias (both null or both [D], overwritten) of <see cref="LayerNorm"/>.</summary>
    public abstract void LayerNormGrad(in Operand x, in Operand? weight, in Operand mean, in Operand rstd, in Operand dy,
        in Operand dx, bool accumulate, in Operand? dweight, in Operand? dbias);

    /// <summary>AdaLN: dst = x̂ · (1 + scale) + shift with x̂ = (x − mean) · rstd; x, shift, scale, dst: rows of D, equally many.</summary>
    public abstract void AdaLayerNorm(in Operand x, in Operand shift, in Operand scale, double eps, in Operand dst, in Operand mean, in Operand rstd);

    /// <summary>dx (may accumulate), dshift, dscale (rows, overwritten) of <see cref="AdaLayerNorm"/>.</summary>
    public abstract void AdaLayerNormGrad(in Operand x, in Operand scale, in Operand mean, in Operand rstd, in Operand dy,
        in Operand dx, bool accumulate, in Operand dshift, in Operand dscale);

    /// <summary>
    /// BatchNorm1d in training: x, dst [R, C]; normalises each column with its batch mean and biased variance, writes mean and rstd [C], and moves
    /// the running mean and (unbiased) variance by momentum.
    /// </summary>
    public abstract void BatchNorm(in Operand x, in Operand weight, in Operand bias, in Operand runningMean, in Operand runningVariance,
        double momentum, double eps, in Operand dst, in Operand mean, in Operand rstd);

    /// <summary>BatchNorm1d in evaluation: normalises with the running statistics.</summary>
    public abstract void BatchNormInference(in Operand x, in Operand weight, in Operand bias, in Operand runningMean, in Operand runningVariance,
        double eps, in Operand dst);

    /// <summary>dx, dweight, dbias of <see cref="BatchNorm"/>, through the batch statistics.</summary>
    public abstract void BatchNormGrad(in Operand x, in Operand weight, in Operand mean, in Operand rstd, in Operand dy,
        in Operand dx, in Operand dweight, in Operand dbias);

    // Elementwise and reductions -------------------------------------------------------------------------------------------------

    /// <summary>dst = op(x).</summary>
    public abstract void Unary(UnaryOp op, in Operand x, in Operand dst);

    /// <summary>dx = dy · op'(x).</summary>
    public abstract void UnaryGrad(UnaryOp op, in Operand x, in Operand dy, in Operand dx);

    /// <summary>dst = op(a, b); equal shapes, any layouts (strides of 0 broadcast); dst may be a or b.</summary>
    public abstract void Binary(BinaryOp op, in Operand a, in Operand b, in Operand dst);

    /// <summary>dst = x · scale + shift; any layouts; dst may be x.</summary>
    public abstract void Affine(in Operand x, double scale, double shift, in Operand dst);

    /// <summary>dst = residual + gate · x, elementwise; all rows of D, equally many.</summary>
    public abstract void GatedAdd(in Operand residual, in Operand gate, in Operand x, in Operand dst);

    /// <summary>
    /// dst = scale · the sum of x over every dimension in which dst has length 1 and x more; equal ranks; x any layout, dst contiguous.
    /// </summary>
    public abstract void Sum(in Operand x, double scale, in Operand dst);

    /// <summary>dst[i] = table[ids[i]]; table: rows [V, D], ids I32 or I64 [R], dst [R, D].</summary>
    public abstract void Embedding(in Operand table, in Operand ids, in Operand dst);

    /// <summary>dtable[v] = Σ over i with ids[i] = v of dy[i], in the order of i; overwrites all of dtable.</summary>
    public abstract void EmbeddingGrad(in Operand dy, in Operand ids, in Operand dtable);

    // Losses ---------------------------------------------------------------------------------------------------------------------

    /// <summary>dst (scalar) = the mean over all elements; prediction and target are rows of equal shape.</summary>
    public abstract void Loss(LossKind kind, in Operand prediction, in Operand target, in Operand dst);

    /// <summary>dprediction (contiguous) = dloss (scalar) · the loss's derivative. Every kind is even, so exchanging the operands gives dtarget.</summary>
    public abstract void LossGrad(LossKind kind, in Operand prediction, in Operand target, in Operand dloss, in Operand dprediction);

    /// <summary>
    /// As <see cref="Loss"/> with the rows of targets that ids names: prediction: rows [R, D], targets: rows [V, D], ids I64 [R]. With an eps each target row is
    /// normalised, (t − mean)/√(var + eps) with the biased variance; null compares with it as it is. derivative [R, D] (contiguous), where it is not null, is
    /// overwritten with that of the mean with respect to the prediction, in the same pass.
    /// </summary>
    public abstract void LatentLoss(LossKind kind, in Operand prediction, in Operand targets, in Operand ids, double? eps,
        in Operand dst, in Operand? derivative);

    /// <summary>
    /// dprediction = dloss (scalar) · the derivative that <see cref="LatentLoss"/> left; both contiguous. Not a <see cref="Binary"/>: dloss is in the dtype
    /// of statistics.
    /// </summary>
    public abstract void LatentLossGrad(in Operand derivative, in Operand dloss, in Operand dprediction);

    /// <summary>Each row of dst [R, D] divided by its Euclidean norm, in place.</summary>
    public abstract void NormalizeRows(in Operand dst);

    /// <summary>
    /// The Epps-Pulley statistic of SIGReg (LeJEPA, arXiv 2511.08544): u [T, N, K] are N samples in K directions for each of T groups; dst (scalar) is the mean over T and K of
    /// N Σ_j w_j φ_j [(mean_n cos(u t_j) − φ_j)² + (mean_n sin(u t_j))²] with t_j = 3 j/(knots − 1), φ_j = e^(−t_j²/2) and twice the trapezoid weights w_j.
    /// </summary>
    public abstract void SigReg(in Operand u, int knots, in Operand dst);

    /// <summary>du of <see cref="SigReg"/> times dloss (scalar).</summary>
    public abstract void SigRegGrad(in Operand u, int knots, in Operand dloss, in Operand du);

    // Planning -------------------------------------------------------------------------------------------------------------------

    /// <summary>
    /// Candidates of an iteration of the cross-entropy method: element i of a problem's candidates is mean + std · Philox.Normal(key.Child(iteration), i),
    /// clamped; the first candidate is the mean itself.
    /// </summary>
    public virtual void CemSample(in CemState state) => HostCem.Sample(state);

    /// <summary>
    /// costs F32 [P, N]: what imagined paths [P N, H, D] cost by the squared distances d_1 … d_H of their embeddings from the goals [P, D]: d_H, or with a weight
    /// min d + weight · mean d. The last stride of path is 1, the others are free.
    /// </summary>
    public virtual void CemScore(in Operand path, in Operand goals, double? meanWeight, in Operand costs) => HostCem.Score(this, path, goals, meanWeight, costs);

    /// <summary>
    /// Mean and unbiased standard deviation of the elites, and the best candidate so far. Candidates rank by cost; equal costs keep their order, and one that is
    /// not a number comes last. Counts the iteration on.
    /// </summary>
    public virtual void CemRefit(in CemState state) => HostCem.Refit(state);

    // Optimiser ------------------------------------------------------------------------------------------------------------------

    /// <summary>One AdamW step over an arena, in place; step: F64 [<see cref="AdamWStep.Length"/>], an <see cref="AdamWStep"/> in the device's memory.</summary>
    public abstract void AdamW(in AdamWArena arena, in Operand step);

    /// <summary>average = decay · average + (1 − decay) · value.</summary>
    public abstract void Ema(in Operand average, in Operand value, double decay);

    /// <summary>dst (F64 scalar) = the sum of squares, accumulated in double with a fixed split.</summary>
    public abstract void SumOfSquares(in Operand x, in Operand dst);

    /// <summary>The smallest number of parts of <paramref name="part"/> that hold <paramref name="count"/>.</summary>
    private protected static long CeilDiv(long count, long part) => (count + part - 1) / part;
}
