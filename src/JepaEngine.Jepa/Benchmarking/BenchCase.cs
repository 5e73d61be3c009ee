namespace JepaEngine.Jepa.Benchmarking;

/// <summary>One row: a piece of work on a device.</summary>
public sealed class BenchCase
{
    private readonly Func<BenchWork> prepare;

    internal BenchCase(string name, string pass, Device device, double? flops, Func<BenchWork> prepare)
    {
        (Name, Pass, Device, Flops) = (name, pass, device, flops);
        this.prepare = prepare;
    }

    /// <summary>What it is, as <c>LayerNorm 2048x1024</c>; the same for ever.</summary>
    public string Name { get; }

    /// <summary>Which part of it: <c>forward</c>, <c>backward</c>, <c>step</c>, <c>encode</c>, <c>plan</c>.</summary>
    public string Pass { get; }

    /// <summary>Where.</summary>
    public Device Device { get; }

    /// <summary>Floating-point operations, analytic; null where they are those of the operations it calls, which a run counts.</summary>
    public double? Flops { get; }

    /// <summary>The matrix product it is, which the vendor's library does too.</summary>
    internal MatrixProduct? Product { get; init; }

    /// <summary>Its record's label.</summary>
    public string Label =>
        BenchRecord.LabelOf(Name, Pass, BenchDevice.NameOf(Device), Device.Threads, Device.Compute.ToString());

    /// <summary>Makes it ready to run, in memory of its own.</summary>
    internal BenchWork Prepare() => prepare();

    /// <summary>The rows of an operation at a size.</summary>
    internal static IEnumerable<BenchCase> Of(BenchOp entry, int tokens, Device device)
    {
        BenchSize size = BenchSize.For(device, tokens);
        OpSample sample = entry.Sample(size);
        string name = $"{entry.Op} {sample.Name}";
        double flops = OpTable.Find(entry.Op).Flops(sample.Shapes), moves = entry.Moves?.Invoke(size, device) ?? 0;
        yield return new BenchCase(name, entry.Pass, device, flops, () => entry.Work(device, sample, moves)) { Product = MatrixProduct.Of(entry.Op, sample.Shapes) };
        if (entry.Backward > 0)
            yield return new BenchCase(name, "backward", device, entry.Backward * flops, () => new BackwardWork(device, sample));
    }
}
