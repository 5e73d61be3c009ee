using JepaEngine.Backends.Cpu;

namespace JepaEngine.Jepa.Benchmarking;

/// <summary>What to measure: every combination of these lists.</summary>
public sealed record BenchGrid
{
    /// <summary>Operations of <see cref="OpTable"/>.</summary>
    public IReadOnlyList<string> Ops { get; init; } = [];

    /// <summary>Models; <see cref="ModelNames"/> are known.</summary>
    public IReadOnlyList<string> Models { get; init; } = [];

    /// <summary>Rows of the operations' inputs.</summary>
    public IReadOnlyList<int> Tokens { get; init; } = [256, 2048];

    /// <summary>Devices, with their dtype and threads; a processor without threads has what the engine would take.</summary>
    public IReadOnlyList<Device> Devices { get; init; } = [];

    /// <summary>Of the rows only those of these labels; all where none is named.</summary>
    public IReadOnlyList<string> Rows { get; init; } = [];

    /// <summary>Operations that something is measured of.</summary>
    public static IReadOnlyList<string> OpNames { get; } = [.. BenchOps.Names];

    /// <summary>Operations of a quick look.</summary>
    public static IReadOnlyList<string> QuickOps => BenchOps.Quick;

    /// <summary>Models of published size, and the demo's.</summary>
    public static IReadOnlyList<string> ModelNames => BenchModels.Names;

    /// <summary>The rows.</summary>
    /// <exception cref="ArgumentException">There is no such operation or model, nothing is measured of it, or it is no work for the device.</exception>
    public IReadOnlyList<BenchCase> Cases()
    {
        var cases = new List<BenchCase>();
        foreach (Device named in Devices)
        {
            // Written down and measured by: "all" is another number on another machine.
            Device device = named is { Kind: DeviceKind.Cpu, Threads: 0 }
                ? named.With(threads: CpuIsas.ThreadsFromEnvironment())
                : named;
            foreach (string op in Ops)
                cases.AddRange(Of(op, device));
            if (Models.Count > 0 && device.Kind == DeviceKind.Simulator)
                throw new ArgumentException("the simulator would take days for a model of published size; measure operations on it, with --op");
            cases.AddRange(Models.Select(model => BenchModels.Of(model, device)));
        }
        return Rows.Count == 0 ? cases : [.. cases.Where(row => Rows.Contains(row.Label))];
    }

    private IEnumerable<BenchCase> Of(string name, Device device)
    {
        if (!OpTable.All.Any(op => op.Name.Equals(name, StringComparison.OrdinalIgnoreCase)))
            throw new ArgumentException($"no operation is called '{name}'; there are {string.Join(", ", OpNames)}");
        BenchOp[] entries = [.. BenchOps.Of(OpTable.Find(name).Name)];
        if (entries.Length == 0)
            throw new ArgumentException($"{name} only looks at its input in another way: there is nothing to measure");
        return entries.Where(entry => !entry.OnlyOnGpu || device.Kind == DeviceKind.Cuda)
            .SelectMany(entry => (entry.HasTokens ? Tokens : [Tokens[0]]).SelectMany(tokens => BenchCase.Of(entry, tokens, device)));
    }
}
