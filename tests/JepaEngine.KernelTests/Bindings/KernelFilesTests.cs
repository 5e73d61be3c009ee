using JepaEngine.Cuda.Compile;


namespace JepaEngine.KernelTests.Bindings;

public sealed class KernelFilesTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void EmbeddedFilesAreNamedByTheirPathBelowKernels()
    {
        Assert.Contains("include/ptx.cuh", KernelFiles.Embedded.Names());
        Assert.Contains("KERNEL(name, threads, Args", KernelFiles.Embedded.Read("include/ptx.cuh"), StringComparison.Ordinal);
    }

    [Fact]
    public void AFilesClosureIsAllItIncludesOnce()
    {
        folder.Write("a.cu", "#include \"b.cuh\"\n#include \"c.cuh\"\n#include <math.h>\n#include \"elsewhere.h\"\n");
        folder.Write("include/b.cuh", "#include \"c.cuh\"\n");
        folder.Write("include/c.cuh", "// c\n");
        Assert.Equal(["a.cu", "b.cuh", "c.cuh"], KernelFiles.In(folder.Path).Closure("a.cu", ["include"]).Select(file => file.Name));
    }

    [Fact]
    public void AnIncludedFilesChangeChangesTheHash()
    {
        folder.Write("a.cu", "#include \"b.cuh\"\n");
        folder.Write("include/b.cuh", "// 1\n");
        KernelFiles files = KernelFiles.In(folder.Path);
        string before = files.Hash("a.cu", ["include"]);
        Assert.Equal(before, files.Hash("a.cu", ["include"]));
        folder.Write("include/b.cuh", "// 2\n");
        Assert.NotEqual(before, files.Hash("a.cu", ["include"]));
    }

    [Fact]
    public void AMissingFileIsNamedWithWhereItWasLookedFor()
    {
        var missing = Assert.Throws<FileNotFoundException>(() => KernelFiles.In(folder.Path).Read("none.cu"));
        Assert.Contains("none.cu", missing.Message, StringComparison.Ordinal);
        Assert.Contains(folder.Path, missing.Message, StringComparison.Ordinal);
        Assert.Contains(KernelFiles.Variable, Assert.Throws<DirectoryNotFoundException>(() => KernelFiles.In(folder.Path + "-none")).Message, StringComparison.Ordinal);
    }
}
