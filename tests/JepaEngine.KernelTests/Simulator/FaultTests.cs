using JepaEngine.Cuda.Driver;


namespace JepaEngine.KernelTests.Simulator;

/// <summary>
/// Kernels/faults.cu: each planted fault is found, at its line, block and thread; each correct twin passes, however its threads are scheduled.
/// </summary>
[Collection(Alone.Name)]
public sealed class FaultTests(SimulatedKernels simulator) : IClassFixture<SimulatedKernels>
{
    // Kernel, blocks, the driver's answer, the mark of its lines in the file, where, and what; @ is the marked line, # the other one.
    public static TheoryData<string, int, int, string, string, string> Faults => new()
    {
        { "race", 1, 719, "race", "block 0, thread 32", "reads shared byte 4, which thread 1 wrote (#) with nothing between: sync_block" },
        {
            "overwrite_read", 1, 719, "overwrite", "block 0, thread 62",
            "writes shared byte 0, which thread 61 read (#) with nothing between: sync_warp, or sync_block"
        },
        {
            "warp_race", 1, 719, "warp", "block 0, thread 31",
            "reads shared byte 120, which thread 30 wrote (#) with nothing between: sync_warp, or sync_block"
        },
        { "bounds", 1, 700, "bounds", "block 0, thread 63", "reads 4 bytes at byte 256 of an allocation of 256" },
        { "shared_bounds", 1, 700, "shared bounds", "block 0, thread 16", "writes 4 bytes at shared byte 1028 (the block has 1024)" },
        { "uninitialised", 1, 719, "uninitialised", "block 0, thread 5", "reads shared byte 20, which nothing has written" },
        { "divergent", 1, 719, "barrier", "block 0, thread 1", "this thread comes to sync_block while others are at the one in #" },
        { "deadlock", 1, 719, "deadlock", "block 0", "32 of 64 threads wait for ever, the others have ended: thread 0 and on at sync_named (@)" },
        { "lanes", 1, 719, "lanes", "block 0", "64 of 64 threads wait for ever: thread 0 and on at shuffle (@); thread 16 and on at sync_block (#)" },
        {
            "copy", 1, 719, "copy", "block 0, thread 0",
            "reads shared byte 0, which a copy_async of thread 0 (#) is still writing: copy_async_wait for its group first"
        },
        {
            "copy_neighbour", 1, 719, "neighbour", "block 0, thread 63",
            "which a copy_async of thread 30 (#) is still writing: copy_async_wait for its group there, then a barrier"
        },
        { "misaligned", 1, 716, "alignment", "block 0, thread 3", "takes an address that is a multiple of 16, not byte 4 of an allocation of 256" },
        {
            "blocks", 4, 719, "blocks", "block 1, thread 0",
            "writes byte 0 of an allocation of 16640, which thread 0 of block 0 wrote (@) with nothing between: blocks have no order"
        },
        {
            "unfenced", 4, 719, "last block", "block 3, thread 1",
            "reads byte 4 of an allocation of 16640, which thread 0 of block 0 wrote (#) with nothing between: blocks have no order"
        },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public void A_fault_is_reported_with_its_line_block_and_thread(string kernel, int blocks, int result, string mark, string where, string what)
    {
        simulator.Schedule(0);
        string[] lines = File.ReadAllLines(SimulatedKernels.File("faults.cu"));
        string Line(string kind) => $"faults.cu:{1 + Array.FindIndex(lines, text => text.EndsWith($"// {kind} {mark}", StringComparison.Ordinal))}";
        string expected = $"{kernel}, {where}, {Line("FAULT")}: ";
        string detail = what.Replace("@", Line("FAULT"), StringComparison.Ordinal).Replace("#", Line("OTHER"), StringComparison.Ordinal);

        var error = Assert.Throws<CudaException>(() => Run(kernel, blocks));

        Assert.Equal((CudaResult)result, error.Result);
        bool Tells(string line) => line.StartsWith(expected, StringComparison.Ordinal) && line.Contains(detail, StringComparison.Ordinal);
        Assert.True(error.Message.Split('\n').Any(Tells), $"expected {expected}...{detail}, not {error.Message}");
    }

    public static TheoryData<string> Twins =>
        new(from line in File.ReadLines(SimulatedKernels.File("faults.cu"))
            where line.StartsWith("KERNEL(", StringComparison.Ordinal) && line.Contains("_right,", StringComparison.Ordinal)
            select line[7..line.IndexOf(',', StringComparison.Ordinal)]);

    [Theory]
    [MemberData(nameof(Twins))]
    public void A_correct_kernel_is_not_reported_whatever_the_order_of_its_threads(string kernel)
    {
        int blocks = kernel is "blocks_right" or "unfenced_right" or "all_fence_right" ? 4 : 1;
        float[] expected = Run(kernel, blocks);
        for (int mode = 1; mode <= 2; mode++)
            for (ulong seed = 0; seed < 8; seed++)
            {
                simulator.Schedule(mode, seed);
                Assert.Equal(expected, Run(kernel, blocks));
            }
        simulator.Schedule(0);
    }

    [Fact]
    public void After_a_fault_the_device_goes_on()
    {
        Assert.Throws<CudaException>(() => Run("bounds", 1));
        Assert.Equal(1, Run("race_right", 1)[0]);
        Assert.Equal("", simulator.Report());
    }

    // x holds 64 ones, and y as many floats as the largest of the kernels writes.
    private float[] Run(string kernel, int blocks)
    {
        nint x = simulator.Upload(Enumerable.Repeat(1f, 64).ToArray()), y = simulator.Upload(new float[65 * 64]), counter = simulator.Upload(new uint[1]);
        try
        {
            simulator.Launch("faults", kernel, blocks, 64, x, y, counter, 64);
            return simulator.Download<float>(y, 65 * 64);
        }
        finally
        {
            simulator.Context.Free(x);
            simulator.Context.Free(y);
            simulator.Context.Free(counter);
        }
    }
}
