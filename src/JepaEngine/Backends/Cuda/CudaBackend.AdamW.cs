using System.Runtime.InteropServices;

namespace JepaEngine.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    /// <summary>Parameters of a thread.</summary>
    private const int AdamWPack = 4;

    private static readonly Kernel AdamWForward = new("optimizer", "adamw_step", Threads: 256);
    private static readonly Kernel EmaForward = new("optimizer", "ema_step", Threads: 256);

    [StructLayout(LayoutKind.Sequential)]
    private struct AdamWArgs
    {
        public nint Parameter, Master, Gradient, Moment1, Moment2, Average, AverageCopy;
        public nint Step, SquaredNorm;
        public long Count;
        public int Pack;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct EmaArgs
    {
        public nint Average, Value;
        public long Count;
        public float Gain;
        public int Pack;
    }

    public override void AdamW(in AdamWArena arena, in Operand step)
    {
        Operand parameter = arena.Parameter;
        if (parameter.Count == 0)
            return;
        var args = new AdamWArgs
        {
            Parameter = parameter.Address, Master = (arena.Master ?? parameter).Address, Gradient = arena.Gradient.Address,
            Moment1 = arena.Moment1.Address, Moment2 = arena.Moment2.Address,
            Average = arena.Average?.Address ?? 0, AverageCopy = arena.AverageCopy?.Address ?? 0, Count = parameter.Count,
            Step = step.Address, SquaredNorm = arena.SquaredNorm.Address,
        };
        nint reals = args.Parameter | args.Gradient | args.AverageCopy, floats = args.Master | args.Moment1 | args.Moment2 | args.Average;
        args.Pack = reals % (AdamWPack * parameter.DType.Size()) == 0 && floats % (AdamWPack * sizeof(float)) == 0 ? AdamWPack : 1;
        long bytes = parameter.DType.Size() + 6 * sizeof(float) + (arena.Master is null ? 0 : parameter.DType.Size())
            + (arena.Average is null ? 0 : 2 * sizeof(float)) + (arena.AverageCopy is null ? 0 : parameter.DType.Size());
        Launch(AdamWForward, parameter.DType, new Grid(CeilDiv(CeilDiv(args.Count, AdamWPack), AdamWForward.Threads)), args, args.Count * bytes);
    }

    public override void Ema(in Operand average, in Operand value, double decay)
    {
        if (average.Count == 0)
            return;
        int most = WideBytes / average.DType.Size();
        var args = new EmaArgs { Average = average.Address, Value = value.Address, Count = average.Count, Gain = (float)(1 - decay) };
        args.Pack = (args.Average | args.Value) % WideBytes == 0 ? most : 1;
        Launch(EmaForward, average.DType, new Grid(CeilDiv(CeilDiv(args.Count, most), EmaForward.Threads)), args, 3 * args.Count * average.DType.Size());
    }
}
