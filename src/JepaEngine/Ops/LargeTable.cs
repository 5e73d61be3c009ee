using JepaEngine.Backends.Cpu;
using JepaEngine.Cuda.Compile;
using JepaEngine.Devices;
using JepaEngine.Tensors;

namespace JepaEngine.Ops;

/// <summary>A check at the sizes of real models: of an operation, or of what the engine does with several.</summary>
/// <param name="Operation">The operation it is about.</param>
/// <param name="Name">Which of its checks, as <c>heads of 64</c>.</param>
/// <param name="Check">Runs it on a device; what disagrees, or differs from run to run, has not passed.</param>
public sealed record LargeCase(string Operation, string Name, Func<Device, IEnumerable<ParityResult>> Check)
{
    /// <summary>As <c>Attention heads of 64</c>.</summary>
    public override string ToString() => $"{Operation} {Name}";
}

/// <summary>
/// Checks at the sizes of real models, where other tiles, splits and loops run than in <see cref="OpTable"/>. The bf16
/// tier's reference is the f32 tier of the same device, since double-precision loops would take minutes a case; the f32
/// tier's is the oracle, for large products in some of their rows. The rule is parity's.
/// </summary>
public static partial class LargeTable
{
    /// <summary>
    /// Sixteen units in the last place of f32 instead of two: of hundreds of thousands of long sums the worst is as
    /// much luck for what judges as for a kernel (1.2e-6 beside 4e-7 was met). A wrong tile or split is off by
    /// thousands of times as much.
    /// </summary>
    private const double LongFloor = 1.0 / (1 << 19);

    /// <summary>Widths of the published encoders and predictors.</summary>
    private static readonly int[] Widths = [192, 384, 768, 1024, 1280, 1408, 1664];

    /// <summary>The cases for a device; a processor has neither tiles nor recordings.</summary>
    public static IReadOnlyList<LargeCase> For(Device device) =>
    [
        .. device.IsHost ? [] : Tiles,
        new("MatMul", "epilogues", Epilogues),
        .. KernelCatalog.HeadWidths.ToArray()
            .Select(width => new LargeCase("Attention", $"heads of {width}", on => Attention(width, on))),
        new("LayerNorm", "published widths", LayerNorm),
        .. device.IsHost ? [] : new[] { new LargeCase("Capture", "transformer block", Recording) },
    ];

    /// <summary>The cases of this name: an operation's, or one.</summary>
    /// <exception cref="KeyNotFoundException">There is none.</exception>
    public static IReadOnlyList<LargeCase> Find(string name, Device device)
    {
        IReadOnlyList<LargeCase> all = For(device);
        LargeCase[] found = [.. all.Where(item => item.Operation.Equals(name, StringComparison.OrdinalIgnoreCase)
            || item.ToString().Equals(name, StringComparison.OrdinalIgnoreCase))];
        return found.Length > 0
            ? found
            : throw new KeyNotFoundException($"no large case is called '{name}'; there are {string.Join(", ", all)}");
    }

    /// <summary>
    /// Without and with rotary positions, on both sides of the length up to which these are applied on load; in blocks,
    /// as V-JEPA 2-AC's frames.
    /// </summary>
    private static IEnumerable<ParityResult> Attention(int width, Device device)
    {
        // The simulator takes a second for what a GPU does in a microsecond: there these cases prove themselves, not
        // the kernels.
        int[] tokens = device.Kind == DeviceKind.Simulator ? [67] : [257, 1000, 2048];
        Shape several = [2, tokens[0], 3, width];
        const int Block = 29;
        return Samples("Attention", device,
        [
            .. tokens.Select(n =>
                OpTable.Attention($"{n} tokens, heads of {width}", [1, n, 1, width], [1, n, 1, width])),
            // In f32 the longest are left out: turned by a pass of their own, they are attention as above, and minutes
            // of the oracle.
            .. tokens.Where(n => n <= 1000 || device.Compute == DType.BF16)
                .Select(n => Turned($"{n} tokens, heads of {width}, turned", [1, n, 1, width])),
            OpTable.Attention($"{tokens[0]} tokens, heads of {width}, blocks of {Block}", several, several, Block),
        ]);
    }

    /// <summary>With rotary positions of any angles, one each for a pair's two numbers.</summary>
    private static OpSample Turned(string name, Shape q)
    {
        OpSample any = OpTable.TurnedAttention(name, OpTable.Normal("q", q), [1, q[1], q[3]]);
        return any with
        {
            Call = (scope, x) =>
            {
                // Of the length 1, as a cosine and a sine: longer ones make single scores rule their rows.
                Tensor length = (x[3].Square() + x[4].Square()).Sqrt();
                return any.Call(scope, [x[0], x[1], x[2], x[3] / length, x[4] / length]);
            },
        };
    }

    private static IEnumerable<ParityResult> LayerNorm(Device device)
    {
        // More rows than run at a time, and no multiple of anything.
        int rows = device.Kind == DeviceKind.Simulator ? 67 : 2051;
        return Samples("LayerNorm", device, [.. Widths.Select(width =>
            OpTable.LayerNorm($"{rows}x{width}", OpTable.Normal("x", [rows, width]), 1e-6))]);
    }

    /// <summary>Each sample against the reference, and against itself run again.</summary>
    private static IEnumerable<ParityResult> Samples(string operation, Device device, params OpSample[] samples)
    {
        OpCase op = OpTable.Find(operation) with { Floor = LongFloor };
        foreach (OpSample sample in samples)
        {
            List<Parity.Output> exact = Parity.Run(sample, Exact(device), device.Compute);
            List<Parity.Output> plain = Parity.Run(sample, Plain(device), device.Compute);
            List<Parity.Output> actual = Parity.Run(sample, device, device.Compute);
            for (int i = 0; i < exact.Count; i++)
                yield return Parity.Judge(op, sample.Name, exact[i], plain[i], actual[i]);
            yield return Repeats(op.Name, sample.Name, "run again", actual, Parity.Run(sample, device, device.Compute));
        }
    }

    /// <summary>What a device's numbers are compared with.</summary>
    private static Device Exact(Device device) =>
        device.Compute == DType.BF16 ? device.With(compute: DType.F32) : Device.Reference;

    /// <summary>
    /// By whose error they are judged: the processor's own kernels, which are proven, where plain loops would take as
    /// long as the oracle once more.
    /// </summary>
    private static Device Plain(Device device) => device switch
    {
        { Compute: DType.BF16 } => device.Straightforward.With(isa: CpuIsas.FromEnvironment()),
        { IsHost: true } => device.Straightforward,
        _ => Device.Cpu,
    };

    /// <summary>Whether two runs left the same bits: the first element that differs is the bad one.</summary>
    private static ParityResult Repeats(
        string operation, string sample, string how,
        IEnumerable<Parity.Output> first, IEnumerable<Parity.Output> second)
    {
        foreach ((Parity.Output a, Parity.Output b) in first.Zip(second))
            if (a.Values.AsSpan().CommonPrefixLength(b.Values) is var same && same < a.Values.Length)
                return new(operation, sample, $"{a.Name}, {how}", a.Shape, a.DType, double.PositiveInfinity, 0, same);
        Parity.Output any = first.First();
        return new(operation, sample, how, any.Shape, any.DType, 0, 0, -1);
    }
}
