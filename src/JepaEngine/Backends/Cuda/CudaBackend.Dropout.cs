namespace JepaEngine.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    private static readonly Kernel DropoutForward = new("random", "dropout_forward", Threads: 256);

    public override void Dropout(in Operand x, double rate, PhiloxKey key, in Operand dst)
    {
        // The smallest float that is not below the rate: comparing with it is comparing with the rate, as the numbers drawn are floats.
        float threshold = (float)rate;
        if (threshold < rate)
            threshold = MathF.BitIncrement(threshold);
        Draw(DropoutForward, dst, key, new RandomArgs { X = x.Address, Scale = 1 / (1 - rate), Threshold = threshold }, 2 * dst.DType.Size());
    }
}
