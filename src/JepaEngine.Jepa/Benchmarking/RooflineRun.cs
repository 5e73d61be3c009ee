using JepaEngine.Backends.Profiling;

namespace JepaEngine.Jepa.Benchmarking;

/// <summary>One run of a case, taken apart into its operations.</summary>
/// <param name="Case">The case: its calls are 1, its time is that of the run.</param>
/// <param name="Operations">Most time first, numbered.</param>
public sealed record RooflineRun(RooflinePoint Case, IReadOnlyList<RooflinePoint> Operations)
{
    /// <summary>Of the run's time: operations that take less are one row of a table.</summary>
    private const double Least = 0.005;

    /// <summary>Operations that have a row and a dot of their own.</summary>
    public IReadOnlyList<RooflinePoint> Shown => [.. Operations.Where(IsShown)];

    /// <summary>The others together, a call being the mean of theirs; null where there are none.</summary>
    public RooflinePoint? Others
    {
        get
        {
            RooflinePoint[] rest = [.. Operations.Where(point => !IsShown(point))];
            long calls = rest.Sum(point => point.Calls);
            return rest.Length == 0 ? null : Case with
            {
                Operation = $"{rest.Length} below {100 * Least} %", Shape = "", Calls = calls,
                Milliseconds = rest.Sum(Total) / calls, Share = rest.Sum(point => point.Share),
                Flops = rest.Sum(point => point.Calls * point.Flops) / calls,
                Bytes = rest.Sum(point => point.Calls * point.Bytes) / calls, Launches = null, Kernels = [],
            };
        }
    }

    /// <summary>What passes between the operations: the host's own work and, on a GPU, what it makes the device wait for. Null in the simulator.</summary>
    public RooflinePoint? Between => Case.Milliseconds is not { } wall ? null : Case with
    {
        Operation = "between operations", Shape = "", Calls = Operations.Sum(point => point.Calls),
        Milliseconds = (wall - Operations.Sum(Total)) / Math.Max(1, Operations.Sum(point => point.Calls)),
        Share = 1 - Operations.Sum(Total) / wall, Flops = 0, Bytes = 0, Launches = null, IsHost = true,
    };

    /// <summary>A run's operations beside its machine's limits.</summary>
    /// <param name="run">The case; its FLOPs and launches follow from the operations.</param>
    /// <param name="operations">What the profile read.</param>
    internal static RooflineRun Of(RooflinePoint run, IReadOnlyList<ProfiledOperation> operations)
    {
        bool hasKernels = operations.Any(operation => operation.Kernels.Count > 0);
        return new RooflineRun(run with { Flops = operations.Sum(operation => operation.Flops), Launches = hasKernels ? operations.Sum(Launches) : null },
            [.. operations.Select((operation, i) => run with
            {
                Number = i + 1, Operation = operation.Name, Shape = operation.Shape, Calls = operation.Calls,
                Milliseconds = run.Milliseconds is null ? null : operation.Milliseconds / operation.Calls,
                Share = operation.Milliseconds / run.Milliseconds, Flops = operation.Flops / operation.Calls,
                Bytes = operation.Bytes / operation.Calls,
                Launches = hasKernels ? Launches(operation) / operation.Calls : null, Kernels = operation.Kernels,
            })]);
    }

    private static long Launches(ProfiledOperation operation) => operation.Kernels.Sum(kernel => kernel.Launches);

    private static bool IsShown(RooflinePoint point) => !(point.Share < Least);

    private static double Total(RooflinePoint point) => point.Calls * point.Milliseconds ?? 0;
}
