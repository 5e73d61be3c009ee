namespace JepaEngine.Jepa.Benchmarking;

/// <summary>One sentence on what to try, from where a point lies: the first rule that holds.</summary>
internal static class RooflineAdvice
{
    /// <summary>Of a limit: nearer than this, a kernel's own code has nothing left to gain.</summary>
    private const double AtRoof = 0.8;

    /// <summary>A copy itself varies by as much.</summary>
    private const double BeyondCopy = 1.05;

    /// <summary>Milliseconds: work that is shorter cannot fill a machine.</summary>
    private const double Short = 0.1;

    /// <summary>Calls of a run that are worth being one launch.</summary>
    private const long Many = 10;

    /// <summary>FLOPs a byte: elementwise work and what normalises rows stay below, products do not.</summary>
    private const double Elementwise = 2;

    /// <summary>Of a run: less than this is not worth looking for.</summary>
    private const double Little = 0.1;

    private static readonly (Func<RooflinePoint, bool> Holds, string Try)[] Rules =
    [
        (p => p.Milliseconds is null, "the simulator's times mean nothing: measure on a device"),
        (p => p.IsHost && p.Share < Little, "little: leave it"),
        (p => p.IsHost, "the host's own work: fewer and larger calls; on a GPU, record them"),
        (p => p.Bound == RooflineBound.Unknown, "its bytes are not counted: look at its operations, with --model"),
        (p => p.Bound == RooflineBound.Compute && p.OfRoof >= AtRoof, "at the roof: fewer operations or a narrower dtype"),
        (p => p.Bound == RooflineBound.Compute, "below the roof: more rows at once, or tiles that fit this shape"),
        (p => p.Bound == RooflineBound.Memory && p.OfRoof > BeyondCopy, "faster than a copy, some of it stays in a cache: leave it"),
        (p => p.Bound == RooflineBound.Memory && p.OfRoof >= AtRoof, "at the roof: fuse it with its neighbour"),
        (p => p.Bound == RooflineBound.Memory, "below the roof: look for strided access and for operands read twice"),
        (p => p.Calls >= Many && p.Milliseconds < Short && p.Launches > 0, "many short calls: record them as one graph, or a larger batch"),
        (p => p.Launches > 1, "too little work in flight: larger batch or fewer launches"),
        (p => p.Milliseconds < Short, "too little work in flight: larger batch, or fuse it with its neighbour"),
        (p => p.Intensity > Elementwise, "far from the compute roof: more rows at once, or an idle machine"),
        (_ => true, "far from a copy: exponentials, random numbers or scattered rows, not bandwidth"),
    ];

    /// <summary>The sentence.</summary>
    public static string For(RooflinePoint point) => Rules.First(rule => rule.Holds(point)).Try;
}
