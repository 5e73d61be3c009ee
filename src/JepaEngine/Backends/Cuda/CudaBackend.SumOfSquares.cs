namespace JepaEngine.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    private static readonly Kernel SquaresAll = new("sum", "squares_all", SumThreads, Shared: SumWarps * sizeof(double));
    private static readonly Kernel SquaresFinish = new("sum", "squares_finish", SumThreads, Shared: SumWarps * sizeof(double));

    public override void SumOfSquares(in Operand x, in Operand dst)
    {
        if (x.Count == 0)
            Fill(dst, 0);
        else
            AddAll(SquaresAll, SquaresFinish, x, 1, dst);
    }
}
