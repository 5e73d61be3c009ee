using JepaEngine.Cuda.Compile;
using JepaEngine.Cuda.Context;
using JepaEngine.Cuda.Driver;

using Setting = JepaEngine.Cuda.Simulation.Simulator;

namespace JepaEngine.KernelTests.Simulator;

/// <summary>How many multiprocessors the simulated device has.</summary>
public sealed class SizeTests
{
    [Theory]
    [InlineData(null, 4)]
    [InlineData("", 4)]
    [InlineData("1", 1)]
    [InlineData("132", 132)]
    [InlineData("1024", 1024)]
    public void The_variable_is_a_number(string? text, int expected) =>
        Assert.Equal(expected, Setting.Multiprocessors(text));

    [Theory]
    [InlineData("0")]
    [InlineData("1025")]
    [InlineData("-4")]
    [InlineData("4.5")]
    [InlineData("h100")]
    public void Another_value_is_refused_in_a_line_that_says_which_are_taken(string text)
    {
        CudaException fault = Assert.Throws<CudaException>(() => Setting.Multiprocessors(text));
        Assert.Equal($"the simulator cannot be opened: JEPA_SIMULATOR is '{text}', and its device cannot have so many "
            + "multiprocessors; set it to a number from 1 to 1024, or unset it for 4", fault.Message);
    }

    [Fact]
    public void Contexts_of_several_sizes_live_side_by_side()
    {
        Gpus.Require("sim");
        using CudaContext large = CudaContext.OpenSimulator(KernelFiles.Default, 132);
        using CudaContext small = CudaContext.OpenSimulator(KernelFiles.Default, 1);
        Assert.Equal((132, 1), (large.Info.Multiprocessors, small.Info.Multiprocessors));
    }
}
