using JepaEngine.Cuda.Compile;


namespace JepaEngine.KernelTests.Bindings;

public sealed class KernelCacheTests : IDisposable
{
    private static readonly KernelSource Source = new("a", "float");

    private readonly TemporaryFolder folder = new();
    private readonly List<string> notices = [];
    private readonly CountingCompiler compiler = new();

    public KernelCacheTests() => folder.Write("kernels/a.cu", "// 1\n");

    private KernelFiles Files => KernelFiles.In(Path.Combine(folder.Path, "kernels"));

    private string Kept => Path.Combine(folder.Path, "cache");

    public void Dispose() => folder.Dispose();

    [Fact]
    public void ASecondProcessFindsWhatTheFirstCompiled()
    {
        CompiledKernel made = Cache().Compile(Source, Files), found = Cache().Compile(Source, Files);
        Assert.Equal(1, compiler.Compilations);
        Assert.Equal(made.Image, found.Image);
        Assert.Equal(made.Log, found.Log);
        Assert.Empty(notices);
        Assert.Single(Directory.GetFiles(Kept));
    }

    [Fact]
    public void AnEditADefineAndAnotherCompilerEachCompileAnew()
    {
        Cache().Compile(Source, Files);
        Cache().Compile(Source with { Real = "bf16" }, Files);
        Cache().Compile(Source with { Width = 64 }, Files);
        folder.Write("kernels/a.cu", "// 2\n");
        Cache().Compile(Source, Files);
        compiler.Identity = "counting 2";
        Cache().Compile(Source, Files);
        Assert.Equal(5, compiler.Compilations);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(10)]
    [InlineData(40)]
    public void ADamagedFileIsCompiledAnewNoticedAndMended(int length)
    {
        KernelCache cache = Cache();
        cache.Compile(Source, Files);
        string file = cache.FileOf(Source, Files);
        File.WriteAllBytes(file, [.. File.ReadAllBytes(file).Take(length), 0x55]);
        Assert.Equal([2, 2, 3], Cache().Compile(Source, Files).Image);
        Assert.Equal(2, compiler.Compilations);
        Assert.Contains(file, Assert.Single(notices), StringComparison.Ordinal);
        Cache().Compile(Source, Files);
        Assert.Equal(2, compiler.Compilations);
    }

    [Fact]
    public void AFlippedBitIsSeen()
    {
        KernelCache cache = Cache();
        cache.Compile(Source, Files);
        string file = cache.FileOf(Source, Files);
        byte[] bytes = File.ReadAllBytes(file);
        bytes[^1] ^= 1;
        File.WriteAllBytes(file, bytes);
        Cache().Compile(Source, Files);
        Assert.Equal(2, compiler.Compilations);
        Assert.Single(notices);
    }

    [Fact]
    public void AFolderThatCannotBeWrittenIsNoticedOnceAndBypassed()
    {
        folder.Write("cache", "a file where the folder should be"); // root may write everywhere, but nobody below a file
        KernelCache cache = Cache();
        cache.Compile(Source, Files);
        cache.Compile(Source, Files);
        Assert.Equal(2, compiler.Compilations);
        Assert.Contains(KernelCache.Variable, Assert.Single(notices), StringComparison.Ordinal);
        Assert.Contains("cannot be written", KernelCache.Fault(Kept), StringComparison.Ordinal);
        Assert.Null(KernelCache.Fault(Path.Combine(folder.Path, "other")));
        Assert.Contains(KernelCache.Variable, KernelCache.Fault(null), StringComparison.Ordinal);
    }

    private KernelCache Cache() => new(compiler, Kept, notices.Add);

    private sealed class CountingCompiler : IKernelCompiler
    {
        public int Compilations { get; private set; }

        public string Name => "counting";

        public string Identity { get; set; } = "counting 1";

        public IReadOnlyList<string> IncludeFolders => ["include"];

        public CompiledKernel Compile(KernelSource source, KernelFiles files) => new([(byte)++Compilations, 2, 3], $"made from {files.Read(source.Path)}");
    }
}
