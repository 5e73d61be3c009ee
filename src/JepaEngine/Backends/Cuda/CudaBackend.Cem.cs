using System.Numerics;
using System.Runtime.InteropServices;

namespace JepaEngine.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    /// <summary>The most candidates that a block of cem_refit sorts: 64 KiB of shared memory.</summary>
    private const int MaxCandidates = 1 << 13;

    private static readonly Kernel CemDraw = new("planner", "cem_sample", Threads: 256);
    private static readonly Kernel CemPrice = new("planner", "cem_score", Threads: 256);
    private static readonly Kernel CemFit = new("planner", "cem_refit", Threads: 256);

    [StructLayout(LayoutKind.Sequential)]
    private struct CemArgs
    {
        public nint Candidates, Costs, Mean, Std, Best, Plan, Keys, Iteration;
        public int Count, Length, Elites;
        public float MinStd, Bound;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct CemScoreArgs
    {
        public nint Path, Goals, Costs;
        public long CandidateStride, StepStride;
        public int Candidates, Count, Steps, Width, Nearest;
        public float MeanWeight;
    }

    public override void CemSample(in CemState state) =>
        Launch(CemDraw, DType.F32, new Grid(CeilDiv(CeilDiv((long)state.Count * state.Length, Draws), CemDraw.Threads), state.Problems), CemOf(state),
            state.Candidates.Count * sizeof(float));

    public override void CemScore(in Operand path, in Operand goals, double? meanWeight, in Operand costs)
    {
        var args = new CemScoreArgs
        {
            Path = path.Address, Goals = goals.Address, Costs = costs.Address, CandidateStride = path.Layout.Stride(0), StepStride = path.Layout.Stride(1),
            Candidates = path.Shape[0], Count = path.Shape[0] / goals.Shape[0], Steps = path.Shape[1], Width = path.Shape[2],
            Nearest = meanWeight is null ? 0 : 1, MeanWeight = (float)(meanWeight ?? 0),
        };
        long read = meanWeight is null ? path.Count / args.Steps : path.Count;
        Launch(CemPrice, path.DType, new Grid(CeilDiv(args.Candidates, CemPrice.Threads / 32)), args, read * path.DType.Size() + costs.Count * sizeof(float));
    }

    /// <exception cref="NotSupportedException">There are more candidates than a block's shared memory holds keys of.</exception>
    public override void CemRefit(in CemState state)
    {
        if (state.Count > MaxCandidates)
        {
            throw new NotSupportedException($"a plan on a GPU has at most {MaxCandidates} candidates, not {state.Count}: "
                + "take fewer and more iterations, or plan on the cpu");
        }
        int keys = sizeof(ulong) * (int)BitOperations.RoundUpToPowerOf2((uint)state.Count);
        long read = (long)state.Problems * (state.Count + (long)state.Elites * state.Length);
        Launch(CemFit with { Shared = keys }, DType.F32, new Grid(state.Problems), CemOf(state), read * sizeof(float));
    }

    private static CemArgs CemOf(in CemState state) => new()
    {
        Candidates = state.Candidates.Address, Costs = state.Costs.Address, Mean = state.Mean.Address, Std = state.Std.Address, Best = state.Best.Address,
        Plan = state.Plan.Address, Keys = state.Keys.Address, Iteration = state.Iteration.Address, Count = state.Count, Length = state.Length,
        Elites = state.Elites, MinStd = state.MinStd, Bound = state.Bound,
    };
}
