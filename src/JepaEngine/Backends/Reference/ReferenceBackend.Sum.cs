namespace JepaEngine.Backends.Reference;

internal sealed partial class ReferenceBackend<T>
{
    public override void Sum(in Operand x, double scale, in Operand dst)
    {
        View<T> from = Of(x), to = Of(dst);
        to.Fill(T.Zero);
        // Stretched over x, each element of the destination is met once for every element of x that it sums.
        Layout sums = dst.Layout.Broadcast(x.Shape);
        var stretched = new View<T>(dst with { Layout = sums });
        for (long i = 0; i < from.Count; i++)
            stretched[i] += from[i];
        for (long i = 0; i < to.Count; i++)
            to[i] *= Number(scale);
    }

    public override unsafe void SumOfSquares(in Operand x, in Operand dst)
    {
        View<T> from = Of(x);
        double sum = 0;
        for (long i = 0; i < from.Count; i++)
            sum += double.CreateTruncating(from[i]) * double.CreateTruncating(from[i]);
        *dst.As<double>() = sum;
    }
}
