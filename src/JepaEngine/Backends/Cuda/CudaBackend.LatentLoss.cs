using System.Runtime.InteropServices;

namespace JepaEngine.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    /// <summary>Rows that a block of four warps has at a time, and elements of the longest that a warp takes.</summary>
    private const int LatentRows = 4, LatentWidth = 1024;

    private static readonly Kernel LatentLossWarp = new("latent_loss", "latent_loss_1024", 32 * LatentRows, Shared: LatentRows * sizeof(double));
    private static readonly Kernel LatentLossWide = new("latent_loss", "latent_loss_wide", LossThreads, Shared: LossThreads / 32 * sizeof(double));
    private static readonly Kernel LatentLossAny = LatentLossWide with { Entry = "latent_loss_any" };
    private static readonly Kernel LatentLossGradient = new("latent_loss", "latent_loss_grad", LossThreads);

    [StructLayout(LayoutKind.Sequential)]
    private struct LatentLossArgs
    {
        public nint Prediction, Targets, Ids, Derivative, Partials;
        public long Rows, PredictionStride, TargetStride;
        public int Columns, Kind, Normalizes;
        public float Eps, Portion;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct LatentLossGradArgs
    {
        public nint Derivative, Dloss, Dst;
        public long Count;
        public int Vector;
    }

    public override void LatentLoss(LossKind kind, in Operand prediction, in Operand targets, in Operand ids, double? eps,
        in Operand dst, in Operand? derivative)
    {
        (Rows p, Rows t) = (new(prediction), new(targets));
        var args = new LatentLossArgs
        {
            Prediction = p.Address, PredictionStride = p.Stride, Targets = t.Address, TargetStride = t.Stride, Ids = ids.Address,
            Derivative = derivative?.Address ?? 0, Rows = p.Count, Columns = p.Width, Kind = (int)kind,
            Normalizes = eps is null ? 0 : 1, Eps = (float)(eps ?? 0), Portion = (float)(1.0 / prediction.Count),
        };
        bool packs = p.Packs && t.Packs && args.Derivative % WideBytes == 0;
        Kernel kernel = !packs ? LatentLossAny : p.Width <= LatentWidth ? LatentLossWarp : LatentLossWide;
        long blocks = Math.Min(CeilDiv(p.Count, kernel == LatentLossWarp ? LatentRows : 1), 8L * Multiprocessors);
        using Scratch partials = Rent(blocks * sizeof(double));
        args.Partials = partials.Pointer;
        Launch(kernel, prediction.DType, new Grid(blocks), args,
            (derivative is null ? 2 : 3) * prediction.Count * prediction.DType.Size() + ids.Count * ids.DType.Size());
        Finish(SumFinish, partials.Pointer, blocks, 1.0 / prediction.Count, dst);
    }

    public override void LatentLossGrad(in Operand derivative, in Operand dloss, in Operand dprediction)
    {
        int most = WideBytes / derivative.DType.Size();
        var args = new LatentLossGradArgs
        {
            Derivative = derivative.Address, Dloss = dloss.Address, Dst = dprediction.Address, Count = derivative.Count,
            Vector = (derivative.Address | dprediction.Address) % WideBytes == 0 && derivative.Count % most == 0 ? 1 : 0,
        };
        Launch(LatentLossGradient, derivative.DType, new Grid(LossBlocks(1, args.Count)), args, 2 * args.Count * derivative.DType.Size());
    }
}
