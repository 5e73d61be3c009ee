using JepaEngine.Backends;
using JepaEngine.Backends.Cuda;
using JepaEngine.Ops;
using JepaEngine.Primitives;

namespace JepaEngine.KernelTests.Ops;

/// <summary>
/// What launchers cut by the number of multiprocessors, on a simulated device with the 132 of an H100: calls of the
/// table, or the same on longer inputs, that are cut finer there than on the 4 of all other tests. The simulator's
/// checks are on, so that a race between parts fails a launch.
/// </summary>
public sealed class HopperSplitTests(SimulatedSizes sizes) : IClassFixture<SimulatedSizes>
{
    private const int Few = 4, Hopper = 132;

    /// <summary>One of each launcher that asks for the number.</summary>
    private static readonly (OpCase Op, OpSample Sample)[] Calls =
    [
        Longer(Fixed(Table("MatMul", "plain"), "a", "b"), [17, 7000], [7000, 24]),
        Longer(Fixed(Table("Linear", "plain"), "x"), [2200, 16], [24, 16], [24]),
        Longer(Fixed(Table("PatchEmbed", "plain"), "pixels"), [1, 2, 80, 120], [10, 2, 2, 2], [10]),
        Longer(Table("LayerNorm", "plain"), [2200, 24], [24], [24]),
        Table("BatchNorm", "large"),
        Longer(Table("SigReg", "plain"), [1, 2000, 8], [9, 8]),
        Longer(Fixed(Table("Sum", "all"), "x"), [1024, 1024]),
        Table("Sum", "first of many"),
        Longer(Table("SumOfSquares", "plain"), [300_000]),
        Table("MeanSquaredError", "large"),
        Table("LatentLoss", "large"),
    ];

    /// <summary>Other kernels of these launchers, and other operations that use them.</summary>
    private static readonly (OpCase Op, OpSample Sample)[] Others =
    [
        Longer(Table("Mlp", "plain"), [2200, 8], [16, 8], [16], [8, 16], [8]),
        Table("LayerNorm", "very wide"),
        Table("LayerNorm", "very wide and odd"),
        Table("Sum", "first of many wide"),
        Table("Mean", "first of many"),
        Table("L1Loss", "large"),
        Table("SmoothL1Loss", "large"),
    ];

    public static TheoryData<string, string, DType> CallsAndTiers => InBothTiers(Calls);

    public static TheoryData<string, string, DType> AllAndTiers => InBothTiers([.. Calls, .. Others]);

    [Theory]
    [MemberData(nameof(AllAndTiers))]
    public void Agrees_with_the_oracle(string operation, string sample, DType tier)
    {
        (OpCase op, OpSample call) = Find(operation, sample);
        IReadOnlyList<ParityResult> results = Parity.Check(op, call, sizes.Of(Hopper, tier));
        string[] failed = [.. results.Where(result => !result.Passed).Select(result => result.ToString())];
        Assert.True(failed.Length == 0, string.Join('\n', failed));
    }

    /// <summary>
    /// Parts show in the bytes of their partial sums; those of BatchNorm, which no launch counts, in the result's bits.
    /// </summary>
    [Theory]
    [MemberData(nameof(CallsAndTiers))]
    public void Gives_the_same_bits_twice_of_more_parts_than_on_4(string operation, string sample, DType tier)
    {
        OpSample call = Find(operation, sample).Sample;
        (List<Parity.Output> few, long fewBytes) = Run(call, Few, tier);
        (List<Parity.Output> once, long bytes) = Run(call, Hopper, tier);
        Assert.True(AreSame(once, Run(call, Hopper, tier).Outputs), "it differs from run to run");
        if (operation == "BatchNorm")
            Assert.False(AreSame(few, once), "it is cut as on 4 multiprocessors");
        else
            Assert.True(bytes > fewBytes, $"it moves {bytes} bytes, and {fewBytes} on 4 multiprocessors");
    }

    /// <summary>The first call, and the weight's gradient of the second: parts are of 256 at least, in steps.</summary>
    [Theory]
    [InlineData(17, 24, 7000, Few, 4, 4)]
    [InlineData(17, 24, 7000, Hopper, 27, 22)]
    [InlineData(24, 16, 2200, Few, 4, 4)]
    [InlineData(24, 16, 2200, Hopper, 8, 7)]
    public void A_deep_product_of_one_tile_is_cut_finer(int m, int n, int k, int multiprocessors, int fma, int mma)
    {
        Assert.Equal((fma, mma), (Parts(GemmTile.Fma), Parts(GemmTile.Mma)));

        int Parts(IReadOnlyList<GemmTile> tiles) => GemmPlan.Best(tiles, 1, m, n, k, multiprocessors).Parts;
    }

    private (List<Parity.Output> Outputs, long Bytes) Run(OpSample call, int multiprocessors, DType tier)
    {
        Device device = sizes.Of(multiprocessors, tier);
        long before = device.Backend.BytesMoved;
        List<Parity.Output> outputs = Parity.Run(call, device, tier);
        return (outputs, device.Backend.BytesMoved - before);
    }

    private static bool AreSame(List<Parity.Output> a, List<Parity.Output> b) =>
        a.Zip(b).All(pair => pair.First.Values.AsSpan().SequenceEqual(pair.Second.Values));

    private static TheoryData<string, string, DType> InBothTiers((OpCase Op, OpSample Sample)[] calls) => new(
        from call in calls
        from tier in new[] { DType.F32, DType.BF16 }
        select (call.Op.Name, call.Sample.Name, tier));

    private static (OpCase Op, OpSample Sample) Find(string operation, string sample) =>
        Calls.Concat(Others).Single(call => call.Op.Name == operation && call.Sample.Name == sample);

    private static (OpCase Op, OpSample Sample) Table(string operation, string sample)
    {
        OpCase op = OpTable.Find(operation);
        return (op, op.Samples.First(known => known.Name == sample));
    }

    /// <summary>Without the gradients of these inputs, which are not cut.</summary>
    private static (OpCase Op, OpSample Sample) Fixed((OpCase Op, OpSample Sample) call, params string[] names) =>
        (call.Op, call.Sample with
        {
            Inputs = [.. call.Sample.Inputs.Select(x => x with { HasGrad = x.HasGrad && !names.Contains(x.Name) })],
        });

    private static (OpCase Op, OpSample Sample) Longer((OpCase Op, OpSample Sample) call, params Shape[] shapes) =>
        (call.Op, call.Sample with
        {
            Name = $"{call.Sample.Name}, longer",
            Inputs = [.. call.Sample.Inputs.Zip(shapes, (input, shape) => input with { Shape = shape })],
        });
}
