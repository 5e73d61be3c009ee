using System.Runtime.InteropServices;

namespace JepaEngine.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    /// <summary>Numbers of a Philox block, and of a thread.</summary>
    private const int Draws = 4;

    private static readonly Kernel RandomNormals = new("random", "random_normal", Threads: 256);
    private static readonly Kernel RandomUniforms = new("random", "random_uniform", Threads: 256);

    [StructLayout(LayoutKind.Sequential)]
    private struct RandomArgs
    {
        public nint X, Dst, Replay;
        public long Count;
        public ulong Seed, Stream;
        public double Shift, Scale;
        public int Pack;
        public float Threshold;
    }

    public override void RandomNormal(in Operand dst, PhiloxKey key, double mean, double std) =>
        Draw(RandomNormals, dst, key, new RandomArgs { Shift = mean, Scale = std }, dst.DType.Size());

    public override void RandomUniform(in Operand dst, PhiloxKey key, double low, double high) =>
        Draw(RandomUniforms, dst, key, new RandomArgs { Shift = low, Scale = high - low }, dst.DType.Size());

    private void Draw(in Kernel kernel, in Operand dst, PhiloxKey key, RandomArgs args, int bytes)
    {
        if (dst.Count == 0)
            return;
        args.Dst = dst.Address;
        args.Count = dst.Count;
        args.Replay = ReplayCounter;
        args.Seed = key.Seed;
        args.Stream = key.Stream;
        args.Pack = (args.X | args.Dst) % (Draws * dst.DType.Size()) == 0 ? Draws : 1;
        Launch(kernel, dst.DType, new Grid(CeilDiv(CeilDiv(dst.Count, Draws), kernel.Threads)), args, dst.Count * bytes);
    }
}
