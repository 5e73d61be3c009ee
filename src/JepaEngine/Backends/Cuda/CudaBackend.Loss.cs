using System.Runtime.InteropServices;

namespace JepaEngine.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    /// <summary>Threads of the flat kernels of latent_loss.cu, and elements that a warp takes at a time.</summary>
    private const int LossThreads = 256, LossPiece = 512;

    private static readonly Kernel LossForward = new("latent_loss", "loss_forward", LossThreads, Shared: LossThreads / 32 * sizeof(double));
    private static readonly Kernel LossGradient = new("latent_loss", "loss_grad", LossThreads);

    [StructLayout(LayoutKind.Sequential)]
    private struct LossArgs
    {
        public nint Prediction, Target, Partials;
        public long Rows, Columns, PredictionStride, TargetStride;
        public int Kind, Vector;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct LossGradArgs
    {
        public nint Prediction, Target, Dloss, Dst;
        public long Rows, Columns, PredictionStride, TargetStride;
        public int Kind, Vector;
        public float Portion;
    }

    public override void Loss(LossKind kind, in Operand prediction, in Operand target, in Operand dst)
    {
        (Rows p, Rows t) = (new(prediction), new(target));
        (long rows, long columns, bool vector) = LossRows(p, t, prediction.DType);
        long blocks = Math.Min(LossBlocks(rows, columns), 8L * Multiprocessors);
        using Scratch partials = Rent(blocks * sizeof(double));
        var args = new LossArgs
        {
            Prediction = p.Address, Target = t.Address, Partials = partials.Pointer, Rows = rows, Columns = columns,
            PredictionStride = p.Stride, TargetStride = t.Stride, Kind = (int)kind, Vector = vector ? 1 : 0,
        };
        Launch(LossForward, prediction.DType, new Grid(blocks), args, 2 * prediction.Count * prediction.DType.Size());
        Finish(SumFinish, partials.Pointer, blocks, 1.0 / prediction.Count, dst);
    }

    public override void LossGrad(LossKind kind, in Operand prediction, in Operand target, in Operand dloss, in Operand dprediction)
    {
        (Rows p, Rows t, Rows to) = (new(prediction), new(target), new(dprediction));
        (long rows, long columns, bool vector) = LossRows(p, t, prediction.DType);
        var args = new LossGradArgs
        {
            Prediction = p.Address, Target = t.Address, Dloss = dloss.Address, Dst = to.Address, Rows = rows, Columns = columns,
            PredictionStride = p.Stride, TargetStride = t.Stride, Kind = (int)kind, Vector = vector && to.Address % WideBytes == 0 ? 1 : 0,
            Portion = (float)(1.0 / prediction.Count),
        };
        Launch(LossGradient, prediction.DType, new Grid(LossBlocks(rows, columns)), args, 3 * prediction.Count * prediction.DType.Size());
    }

    /// <summary>Rows without gaps are one. Whether they lie in packs, then and otherwise.</summary>
    private static (long Rows, long Columns, bool Vector) LossRows(in Rows p, in Rows t, DType dtype)
    {
        if (p.Stride != p.Width || t.Stride != t.Width)
            return (p.Count, p.Width, p.Packs && t.Packs);
        long count = p.Count * p.Width;
        return (1, count, (p.Address | t.Address) % WideBytes == 0 && count % (WideBytes / dtype.Size()) == 0);
    }

    private static long LossBlocks(long rows, long columns) => CeilDiv(rows * CeilDiv(columns, LossPiece), LossThreads / 32);
}
