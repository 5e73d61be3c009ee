using JepaEngine.Cuda;

namespace JepaEngine.KernelTests.Bindings;

public sealed class KernelFilesTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("jepa-test-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void EmbeddedFilesAreNamedByTheirPathBelowKernels()
    {
        Assert.Contains("include/ptx.cuh", KernelFiles.Embedded.Names());
        Assert.Contains("KERNEL(name, threads, Args", KernelFiles.Embedded.Read("include/ptx.cuh"), StringComparison.Ordinal);
    }

    [Fact]
    public void AFilesClosureIsAllItIncludesOnce()
    {
        Write("a.cu", "#include \"b.cuh\"\n#include \"c.cuh\"\n#include <math.h>\n#include \"elsewhere.h\"\n");
        Write("include/b.cuh", "#include \"c.cuh\"\n");
        Write("include/c.cuh", "// c\n");
        Assert.Equal(["a.cu", "b.cuh", "c.cuh"], KernelFiles.In(folder).Closure("a.cu", ["include"]).Select(file => file.Name));
    }

    [Fact]
    public void AnIncludedFilesChangeChangesTheHash()
    {
        Write("a.cu", "#include \"b.cuh\"\n");
        Write("include/b.cuh", "// 1\n");
        KernelFiles files = KernelFiles.In(folder);
        string before = files.Hash("a.cu", ["include"]);
        Assert.Equal(before, files.Hash("a.cu", ["include"]));
        Write("include/b.cuh", "// 2\n");
        Assert.NotEqual(before, files.Hash("a.cu", ["include"]));
    }

    [Fact]
    public void AMissingFileIsNamedWithWhereItWasLookedFor()
    {
        var missing = Assert.Throws<FileNotFoundException>(() => KernelFiles.In(folder).Read("none.cu"));
        Assert.Contains("none.cu", missing.Message, StringComparison.Ordinal);
        Assert.Contains(folder, missing.Message, StringComparison.Ordinal);
        Assert.Contains(KernelFiles.Variable, Assert.Throws<DirectoryNotFoundException>(() => KernelFiles.In(folder + "-none")).Message, StringComparison.Ordinal);
    }

    private void Write(string path, string text)
    {
        string file = Path.Combine(folder, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
    }
}
