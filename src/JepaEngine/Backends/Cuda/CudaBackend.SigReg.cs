using System.Runtime.InteropServices;

namespace JepaEngine.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    /// <summary>Knots of a launch of sigreg.cu, and directions of its block.</summary>
    private const int SigRegKnots = 17, SigRegDirections = 32;

    private static readonly Kernel SigRegSums = new("sigreg", "sigreg_sums", Threads: 256, Shared: 2 * SigRegKnots * 256 * sizeof(float));
    private static readonly Kernel SigRegStatistic = new("sigreg", "sigreg_statistic", Threads: 256, Shared: 8 * sizeof(double));
    private static readonly Kernel SigRegGradient = new("sigreg", "sigreg_grad", Threads: 256);

    [StructLayout(LayoutKind.Sequential)]
    private struct SigRegArgs
    {
        public nint U, Sums, Partials, Dloss, Du;
        public long Samples, SplitSamples;
        public int Groups, Directions, Splits, Accumulate;
        public float Turns, TurnsRest, FirstTurns, FirstTurnsRest, Portion;
        public fixed float Normal[SigRegKnots], Weight[SigRegKnots], Slope[SigRegKnots];
    }

    public override void SigReg(in Operand u, int knots, in Operand dst)
    {
        SigRegArgs args = SigRegOf(u, out Grid grid);
        using Scratch sums = Rent(SigRegSumsBytes(args));
        long blocks = CeilDiv((long)args.Groups * args.Directions, SigRegStatistic.Threads), launches = CeilDiv(knots, SigRegKnots);
        using Scratch partials = Rent(launches * blocks * sizeof(double));
        (args.Sums, args.Partials) = (sums.Pointer, partials.Pointer);
        for (int first = 0; first < knots; first += SigRegKnots)
        {
            SetKnots(ref args, first, knots);
            Launch(SigRegSums, DType.F32, grid, args, u.Count * sizeof(float));
            Launch(SigRegStatistic, DType.F32, new Grid(blocks), args, SigRegSumsBytes(args));
            args.Partials += (nint)blocks * sizeof(double);
        }
        Finish(SumFinish, partials.Pointer, launches * blocks, args.Samples / ((double)args.Groups * args.Directions), dst);
    }

    public override void SigRegGrad(in Operand u, int knots, in Operand dloss, in Operand du)
    {
        SigRegArgs args = SigRegOf(u, out Grid grid);
        using Scratch sums = Rent(SigRegSumsBytes(args));
        (args.Sums, args.Dloss, args.Du) = (sums.Pointer, dloss.Address, du.Address);
        for (int first = 0; first < knots; first += SigRegKnots)
        {
            SetKnots(ref args, first, knots);
            Launch(SigRegSums, DType.F32, grid, args, u.Count * sizeof(float));
            Launch(SigRegGradient, DType.F32, grid, args, 2 * u.Count * sizeof(float));
        }
    }

    private SigRegArgs SigRegOf(in Operand u, out Grid grid)
    {
        if (u.DType != DType.F32)
            throw Unsupported("SigReg", u.DType);
        int groups = u.Shape[0], samples = u.Shape[1], directions = u.Shape[2];
        long tiles = CeilDiv(directions, SigRegDirections), splitSamples = RowsOfSplit(samples, tiles * groups, out int splits);
        grid = new Grid(tiles, splits, groups);
        return new SigRegArgs
        {
            U = u.Address, Samples = samples, SplitSamples = splitSamples, Groups = groups, Directions = directions, Splits = splits, Portion = 1f / samples,
        };
    }

    private static long SigRegSumsBytes(in SigRegArgs args) => 2L * SigRegKnots * args.Groups * args.Splits * args.Directions * sizeof(float);

    /// <summary>The knots from <paramref name="first"/> on: φ = e^(−t²/2), w φ with w twice the trapezoid weight, and the slope.</summary>
    private static void SetKnots(ref SigRegArgs args, int first, int knots)
    {
        double spacing = 3.0 / (knots - 1), turns = spacing / (2 * Math.PI);
        args.Accumulate = first > 0 ? 1 : 0;
        (args.Turns, args.TurnsRest) = TwoFloats(turns);
        (args.FirstTurns, args.FirstTurnsRest) = TwoFloats(first * turns);
        for (int j = 0; j < SigRegKnots; j++)
        {
            int knot = first + j;
            double time = knot * spacing, normal = Math.Exp(-0.5 * time * time);
            double weight = knot >= knots ? 0 : (knot == 0 || knot == knots - 1 ? 1 : 2) * spacing * normal;
            args.Normal[j] = (float)normal;
            args.Weight[j] = (float)weight;
            args.Slope[j] = (float)(2 * weight * time / ((double)args.Groups * args.Directions));
        }
    }

    private static (float High, float Low) TwoFloats(double value) => ((float)value, (float)(value - (float)value));
}
