using JepaEngine.IO;
using JepaEngine.Jepa.Benchmarking;

namespace JepaEngine.Tests.Benchmarking;

public sealed class CounterTableTests : IDisposable
{
    private readonly TemporaryFile file = new();

    public void Dispose() => file.Dispose();

    [Fact]
    public void OnlyWhatGrewOrIsNewFails()
    {
        CounterTable accepted = Table(("a.grown", 10), ("a.same", 10), ("a.shrunk", 10), ("a.gone", 10), ("b.skipped", 10));
        CounterTable counted = Table(("a.grown", 11), ("a.same", 10), ("a.shrunk", 9), ("a.new", 0));
        IReadOnlyList<CounterChange> changes = accepted.Changes(counted, ["b"]);
        Assert.Equal(
        [
            new CounterChange("a.gone", 10, null, CounterVerdict.Gone), new CounterChange("a.grown", 10, 11, CounterVerdict.Grown),
            new CounterChange("a.new", null, 0, CounterVerdict.New), new CounterChange("a.same", 10, 10, CounterVerdict.Same),
            new CounterChange("a.shrunk", 10, 9, CounterVerdict.Shrunk), new CounterChange("b.skipped", 10, null, CounterVerdict.Skipped),
        ], changes);
        Assert.Equal(["a.grown", "a.new"], changes.Where(change => change.Fails).Select(change => change.Name));
        Assert.Equal([null, "a.grown 11", "a.new 0", "a.same 10", "a.shrunk 9", null], changes.Select(change => change.Line));
    }

    [Fact]
    public void AFileHoldsALineACounterInOrder()
    {
        Assert.Empty(CounterTable.Read(file.Path).Values);
        CounterTable table = Table(("b.two", long.MaxValue), ("a.one", 1));
        table.Write(file.Path);
        Assert.Equal(["a.one 1", "b.two 9223372036854775807"], File.ReadAllLines(file.Path)[1..]);
        Assert.Equal(table.Values, CounterTable.Read(file.Path).Values);
    }

    [Theory]
    [InlineData("a.one", "line 2 is no counter")]
    [InlineData("a.one 1 2", "line 2 is no counter")]
    [InlineData("a.one -1", "line 2 is no counter")]
    [InlineData("a.one 1.5", "line 2 is no counter")]
    [InlineData("a.zero 1", "names a.zero a second time")]
    public void ADamagedFileIsRefused(string line, string message)
    {
        File.WriteAllLines(file.Path, ["a.zero 0", line]);
        Assert.Contains(message, Assert.Throws<BadFileException>(() => CounterTable.Read(file.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void KernelsAreCountedTogether()
    {
        File.WriteAllLines(file.Path, ["# a head", "add elementwise bf16 0 sm_80 20 1 2 3", "mul elementwise bf16 0 sm_90a 30 4 5 6"]);
        var counted = new CounterTable();
        Counters.CountKernels(file.Path, counted);
        Assert.Equal(Table(("cubin.registers", 50), ("cubin.spilled-bytes", 9)).Values, counted.Values);
        File.AppendAllText(file.Path, "mul elementwise bf16 0 sm_90a 30 4 5\n");
        Assert.Contains("is no kernel's line", Assert.Throws<BadFileException>(() => Counters.CountKernels(file.Path, counted)).Message, StringComparison.Ordinal);
    }

    /// <summary>In steps of 64 KiB: an embedded file is growth, a method is none.</summary>
    [Fact]
    public void APackageGrowsInSteps()
    {
        string[] names = ["JepaEngine.Cuda", "JepaEngine", "JepaEngine.Jepa"];
        foreach ((string name, int bytes) in names.Zip([65_536, 65_537, 1]))
            File.WriteAllBytes(Path.Combine(file.Folder, name + ".dll"), new byte[bytes]);
        var counted = new CounterTable();
        Counters.CountPackages(file.Folder, counted);
        Assert.Equal(Table(("package.JepaEngine.Cuda.kibibytes", 64), ("package.JepaEngine.Jepa.kibibytes", 64), ("package.JepaEngine.kibibytes", 128)).Values, counted.Values);
        File.Delete(Path.Combine(file.Folder, "JepaEngine.dll"));
        Assert.Throws<FileNotFoundException>(() => Counters.CountPackages(file.Folder, new CounterTable()));
    }

    private static CounterTable Table(params ReadOnlySpan<(string Name, long Value)> counters)
    {
        var table = new CounterTable();
        foreach ((string name, long value) in counters)
            table.Values.Add(name, value);
        return table;
    }
}
