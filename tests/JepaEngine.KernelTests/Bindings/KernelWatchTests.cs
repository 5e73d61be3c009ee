using JepaEngine.Cuda.Context;


namespace JepaEngine.KernelTests.Bindings;

[Collection(Alone.Name)]
public sealed class KernelWatchTests : IDisposable
{
    private readonly SimulatedContext simulated = new();
    private readonly List<string> reports = [];
    private string? fault;

    public void Dispose() => simulated.Dispose();

    [Fact]
    public void AnEditThatPassesItsCheckTakesTheOldKernelsPlace()
    {
        using KernelWatch watch = Watch();
        CudaFunction before = simulated.Context.Kernel(SimulatedContext.Source, "scale");
        watch.Look();
        Assert.Empty(reports);
        simulated.Edit("10 * factor");
        Assert.Equal([2f], simulated.Scale([1], 2)); // not before it is looked at
        watch.Look();
        Assert.Equal("scale float: reloaded", Assert.Single(reports));
        Assert.Equal([20f], simulated.Scale([1], 2));
        Assert.Same(before, simulated.Context.Kernel(SimulatedContext.Source, "scale")); // whoever holds it has the new one
    }

    [Fact]
    public void AnErrorKeepsTheOldKernelAndTheCompilersWords()
    {
        using KernelWatch watch = Watch();
        simulated.Edit("fac tor");
        watch.Look();
        Assert.Contains("scale float: the old kernels stay: kernels/scale.cu (scale float", Assert.Single(reports), StringComparison.Ordinal);
        Assert.Contains("scale.cu:5", reports[0], StringComparison.Ordinal);
        Assert.Equal([2f], simulated.Scale([1], 2));
        watch.Look();
        Assert.Single(reports); // told once
        simulated.Edit("3 * factor");
        watch.Look();
        Assert.Equal("scale float: reloaded", reports[^1]);
        Assert.Equal([6f], simulated.Scale([1], 2));
    }

    [Fact]
    public void AFailedCheckKeepsTheOldKernel()
    {
        using KernelWatch watch = Watch();
        simulated.Edit("5 * factor");
        fault = "off by 5";
        watch.Look();
        Assert.Equal("scale float: the old kernels stay, the edited ones fail their check: off by 5", Assert.Single(reports));
        Assert.Equal([2f], simulated.Scale([1], 2));
    }

    [Fact]
    public void AKernelThatDisappearsKeepsTheOldOne()
    {
        using KernelWatch watch = Watch();
        File.Delete(Path.Combine(simulated.Folder, "scale.cu"));
        watch.Look();
        Assert.Empty(reports); // an editor may be about to put another in its place
        Assert.Equal([2f], simulated.Scale([1], 2));
    }

    [Fact]
    public void AnIncludedFilesEditReloadsWhatIncludesIt()
    {
        using KernelWatch watch = Watch();
        string include = Path.Combine(simulated.Folder, "include", "numeric.cuh");
        File.AppendAllText(include, "// edited\n");
        watch.Look();
        Assert.Equal("scale float: reloaded", Assert.Single(reports));
    }

    // A watch over a device whose kernel runs as it was first written; its check runs the edited kernel on the trial device.
    private KernelWatch Watch()
    {
        Assert.Equal([2f], simulated.Scale([1], 2));
        return new(simulated.Context, simulated.Folder, (trial, sources) =>
        {
            Assert.Equal([SimulatedContext.Source], sources);
            Assert.NotSame(simulated.Context, trial);
            trial.Kernel(SimulatedContext.Source, "scale");
            return fault;
        }, reports.Add);
    }
}
