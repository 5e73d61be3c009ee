using System.Runtime.InteropServices;

namespace JepaEngine.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    private static readonly Kernel RotaryKernel = new("rotary", "rotary", Threads: 256);

    [StructLayout(LayoutKind.Sequential)]
    private struct RotaryArgs
    {
        public Heads X, Cos, Sin, Dst;
        public int Batches, Tokens, Heads, Width, Transposed;
    }

    public override void Rotary(in Operand x, in Operand cos, in Operand sin, bool transposed, in Operand dst)
    {
        if (x.Count == 0)
            return;
        int batches = x.Shape[0], tokens = x.Shape[1], heads = x.Shape[2], width = x.Shape[3];
        var args = new RotaryArgs
        {
            X = new(x), Cos = new(cos), Sin = new(sin), Dst = new(dst),
            Batches = batches, Tokens = tokens, Heads = heads, Width = width, Transposed = transposed ? 1 : 0,
        };
        bool vector = args.X.IsVector && args.Cos.IsVector && args.Sin.IsVector && args.Dst.IsVector;
        long threads = (long)tokens * heads * width / (vector ? WideBytes / x.DType.Size() : 2);
        Launch(RotaryKernel, x.DType, new Grid(CeilDiv(threads, RotaryKernel.Threads), Math.Min(batches, ushort.MaxValue)), args,
            2 * x.Count * x.DType.Size() + TableBytes(cos));
    }
}
