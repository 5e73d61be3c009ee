using JepaEngine.Ops;
using JepaEngine.Primitives;

namespace JepaEngine.KernelTests.Ops;

/// <summary>
/// The checks at the sizes of models, at those that the simulator gets done; a GPU runs them with
/// <c>jepa parity --large</c>.
/// </summary>
[Collection(Alone.Name)]
public sealed class LargeTableTests
{
    /// <summary>But for the tiles, which <see cref="GemmTileTests"/> runs kernel by kernel.</summary>
    public static TheoryData<string, string> Cases => new(
        from device in new[] { Device.Simulator, Device.Simulator.InBFloat16 }
        from item in LargeTable.For(device)
        where item.Name != "tiles"
        select (device.ToString(), item.ToString()));

    [Theory]
    [MemberData(nameof(Cases))]
    public void Agrees_and_repeats(string device, string name)
    {
        Device gpu = Gpus.Require(device);
        ParityResult[] results = [.. Assert.Single(LargeTable.Find(name, gpu)).Check(gpu)];
        Assert.All(results, result => Assert.True(result.Passed, result.ToString()));
        // Something of each kind: compared with a reference, and run again or recorded.
        Assert.Contains(results, result => result.Allowed == 0);
        Assert.True(results.Any(result => result.Error > 0) || name.StartsWith("Capture", StringComparison.Ordinal));
    }

    [Fact]
    public void Runs_every_head_width_tile_and_form()
    {
        Device gpu = Device.Cuda().InBFloat16;
        Assert.Equal(
            ["24", "32", "64", "80", "88", "128"],
            LargeTable.Find("attention", gpu).Select(item => item.Name.Split(' ')[^1]));
        // 4 tiles in 3 forms on tensor cores, 2 in 4 on FMA.
        Assert.Equal(20, LargeTable.Takes(gpu)
            .Sum(tile => tile.Kernels.Sum(kernel => LargeTable.FormsOf(tile, kernel).Length)));
        Assert.Contains("Capture transformer block", LargeTable.For(gpu).Select(item => item.ToString()));
        Assert.DoesNotContain(LargeTable.For(Device.Cpu), item => item.Operation == "Capture" || item.Name == "tiles");
        Assert.Contains("'Gelu'", Assert.Throws<KeyNotFoundException>(() => LargeTable.Find("Gelu", gpu)).Message);
    }
}
