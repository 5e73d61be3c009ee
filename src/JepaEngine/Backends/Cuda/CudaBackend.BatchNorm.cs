using System.Runtime.InteropServices;

namespace JepaEngine.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    /// <summary>Columns that a block of batchnorm.cu walks side by side, one a lane, and the bytes of its 8 warps' sums: two or three kinds.</summary>
    private const int BatchNormColumns = 32, BatchNormSums = 8 * BatchNormColumns * sizeof(float);

    private static readonly Kernel BatchNormPartials = new("batchnorm", "batch_norm_partials", Threads: 256, Shared: 3 * BatchNormSums);
    private static readonly Kernel BatchNormForward = new("batchnorm", "batch_norm", Threads: 256);
    private static readonly Kernel BatchNormEvaluation = new("batchnorm", "batch_norm_inference", Threads: 256);
    private static readonly Kernel BatchNormGradPartials = new("batchnorm", "batch_norm_grad_partials", Threads: 256, Shared: 2 * BatchNormSums);
    private static readonly Kernel BatchNormGradient = new("batchnorm", "batch_norm_grad", Threads: 256);

    [StructLayout(LayoutKind.Sequential)]
    private struct BatchNormArgs
    {
        public nint X, Weight, Bias, RunningMean, RunningVariance, Dst, Mean, Rstd, Partials;
        public long Rows, Stride, DstStride, SplitRows;
        public int Columns, Splits;
        public float Momentum, Eps;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct BatchNormGradArgs
    {
        public nint X, Weight, Mean, Rstd, Dy, Dx, Dweight, Dbias, Partials;
        public long Rows, Stride, DyStride, DxStride, SplitRows;
        public int Columns, Splits;
    }

    public override void BatchNorm(in Operand x, in Operand weight, in Operand bias, in Operand runningMean, in Operand runningVariance,
        double momentum, double eps, in Operand dst, in Operand mean, in Operand rstd)
    {
        if (x.Count == 0)
            return;
        BatchNormArgs args = BatchNormOf(x, weight, bias, runningMean, runningVariance, eps, dst, out Grid grid);
        using Scratch partials = Rent(2L * args.Splits * args.Columns * sizeof(float));
        (args.Mean, args.Rstd, args.Partials, args.Momentum) = (mean.Address, rstd.Address, partials.Pointer, (float)momentum);
        Launch(BatchNormPartials, x.DType, grid, args, x.Count * x.DType.Size());
        Launch(BatchNormForward, x.DType, grid, args, 2 * x.Count * x.DType.Size());
    }

    public override void BatchNormInference(in Operand x, in Operand weight, in Operand bias, in Operand runningMean, in Operand runningVariance,
        double eps, in Operand dst)
    {
        if (x.Count == 0)
            return;
        BatchNormArgs args = BatchNormOf(x, weight, bias, runningMean, runningVariance, eps, dst, out Grid grid);
        Launch(BatchNormEvaluation, x.DType, grid, args, 2 * x.Count * x.DType.Size());
    }

    private BatchNormArgs BatchNormOf(in Operand x, in Operand weight, in Operand bias, in Operand runningMean, in Operand runningVariance,
        double eps, in Operand dst, out Grid grid)
    {
        Rows from = new(x), to = new(dst);
        grid = BatchNormGrid(from, out long splitRows);
        return new BatchNormArgs
        {
            X = from.Address, Stride = from.Stride, Dst = to.Address, DstStride = to.Stride, Weight = weight.Address, Bias = bias.Address,
            RunningMean = runningMean.Address, RunningVariance = runningVariance.Address,
            Rows = from.Count, Columns = from.Width, Splits = grid.Y, SplitRows = splitRows, Eps = (float)eps,
        };
    }

    public override void BatchNormGrad(in Operand x, in Operand weight, in Operand mean, in Operand rstd, in Operand dy,
        in Operand dx, in Operand dweight, in Operand dbias)
    {
        if (x.Count == 0)
        {
            Fill(dweight, 0);
            Fill(dbias, 0);
            return;
        }
        Rows from = new(x), upstream = new(dy), to = new(dx);
        Grid grid = BatchNormGrid(from, out long splitRows);
        using Scratch partials = Rent(2L * grid.Y * from.Width * sizeof(float));
        var args = new BatchNormGradArgs
        {
            X = from.Address, Stride = from.Stride, Weight = weight.Address, Mean = mean.Address, Rstd = rstd.Address, Dy = upstream.Address,
            DyStride = upstream.Stride, Dx = to.Address, DxStride = to.Stride, Dweight = dweight.Address, Dbias = dbias.Address, Partials = partials.Pointer,
            Rows = from.Count, Columns = from.Width, Splits = grid.Y, SplitRows = splitRows,
        };
        Launch(BatchNormGradPartials, x.DType, grid, args, 2 * x.Count * x.DType.Size());
        Launch(BatchNormGradient, x.DType, grid, args, 3 * x.Count * x.DType.Size());
    }

    /// <summary>A block has 32 columns of a split of the rows, in the pass over the statistics and in that over the result.</summary>
    private Grid BatchNormGrid(in Rows x, out long splitRows)
    {
        long tiles = CeilDiv(x.Width, BatchNormColumns);
        splitRows = RowsOfSplit(x.Count, tiles, out int splits);
        return new Grid(tiles, splits);
    }
}
