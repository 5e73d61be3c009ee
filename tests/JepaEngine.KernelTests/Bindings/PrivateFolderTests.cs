using System.Diagnostics;
using JepaEngine.Cuda.Compile;
using JepaEngine.Cuda.Loading;
using JepaEngine.Cuda.Simulation;
using Library = JepaEngine.Cuda.Simulation.Simulator;

namespace JepaEngine.KernelTests.Bindings;

/// <summary>Folders that others may write to, or that are others', and files in one's own that are not as they were
/// written.</summary>
[Collection(Alone.Name)]
public sealed class PrivateFolderTests : IDisposable
{
    private const UnixFileMode Mine = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute,
        Shared = Mine | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    private readonly TemporaryFolder folder = new();
    private readonly string? before = Environment.GetEnvironmentVariable(KernelCache.Variable), compilerBefore = Environment.GetEnvironmentVariable(HostCompiler.Variable);

    public PrivateFolderTests() => Assert.SkipUnless(OperatingSystem.IsLinux(), "owners and modes are looked at on Linux");

    private string Cache => Path.Combine(folder.Path, "JepaEngine", "kernels");

    public void Dispose()
    {
        Environment.SetEnvironmentVariable(KernelCache.Variable, before);
        Environment.SetEnvironmentVariable(HostCompiler.Variable, compilerBefore);
        folder.Dispose();
    }

    [Fact]
    public void OnlyAFolderThatNobodyElseCanWriteToIsUsed()
    {
        PrivateFolder.Create(Cache);
        Assert.Null(PrivateFolder.Fault(Cache));
        Assert.Null(PrivateFolder.Fault(Path.Combine(Cache, "not", "yet")));
        Assert.Equal(Mine, Mode(Cache));
        foreach (UnixFileMode more in new[] { UnixFileMode.GroupWrite, UnixFileMode.OtherWrite })
        {
            SetMode(Cache, Mine | more);
            Assert.Contains($"can be written by others (chmod go-w {Cache})", PrivateFolder.Fault(Cache));
            SetMode(Cache, Mine);
            // Whoever may write above can put another folder in its place, but not where the sticky bit forbids it.
            SetMode(folder.Path, Mine | more);
            Assert.Contains($"chmod go-w {folder.Path}", PrivateFolder.Fault(Cache));
            SetMode(folder.Path, Mine | more | UnixFileMode.StickyBit);
            Assert.Null(PrivateFolder.Fault(Cache));
            Assert.NotNull(PrivateFolder.Fault(folder.Path));
            SetMode(folder.Path, Mine);
        }
    }

    [Fact]
    public void LinksAreFollowed()
    {
        string shared = Path.Combine(folder.Path, "shared"), link = Path.Combine(folder.Path, "link"), circle = Path.Combine(folder.Path, "circle");
        PrivateFolder.Create(Path.Combine(shared, "kernels"));
        Directory.CreateSymbolicLink(link, "shared");
        Assert.Null(PrivateFolder.Fault(Path.Combine(link, "kernels")));
        SetMode(shared, Shared);
        Assert.Contains($"chmod go-w {shared}", PrivateFolder.Fault(Path.Combine(link, "kernels")));
        Directory.CreateSymbolicLink(circle, circle);
        Assert.Contains("leads in circles", PrivateFolder.Fault(Path.Combine(circle, "kernels")));
    }

    [Fact]
    public void WhatBelongsToAnotherUserIsNotUsed()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "only root can give folders away");
        PrivateFolder.Create(Cache);
        string link = Path.Combine(folder.Path, "link");
        Directory.CreateSymbolicLink(link, Cache);
        Process.Start("chown", ["-h", "1234", link]).WaitForExit();
        Assert.Contains($"{link} belongs to another user (1234)", PrivateFolder.Fault(link));
        Process.Start("chown", ["1234", Path.GetDirectoryName(Cache)!]).WaitForExit();
        Assert.Contains("belongs to another user (1234)", PrivateFolder.Fault(Cache));
        Assert.Contains($"what lies there is not run, and every start compiles its kernels; name another folder in {KernelCache.Variable}",
            KernelCache.Fault(Cache));
    }

    [Fact]
    public void KernelsOfASharedFolderAreNotRead()
    {
        KernelFiles files = KernelFiles.In(Path.GetDirectoryName(folder.Write("kernels/a.cu", "// 1\n"))!);
        List<string> notices = [];
        var compiler = new OneCompiler();
        KernelCache Open() => new(compiler, Cache, notices.Add);
        Open().Compile(new("a", "float"), files);
        SetMode(Cache, Shared);
        KernelCache cache = Open();
        Assert.False(cache.Holds(new("a", "float"), files));
        Assert.Equal([2], cache.Compile(new("a", "float"), files).Image);
        Assert.Equal([3], cache.Compile(new("a", "float"), files).Image);
        Assert.StartsWith($"the kernel cache is not used: {Cache} can be written by others", Assert.Single(notices), StringComparison.Ordinal);
        SetMode(Cache, Mine);
        Assert.Equal([1], Open().Compile(new("a", "float"), files).Image);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, Mode(Directory.GetFiles(Cache).Single()));
    }

    [Fact]
    public void ADamagedSimulatorIsBuiltAnewAndOneInASharedFolderIsNotLoaded()
    {
        // The real one takes half a minute.
        string compiler = folder.Write("g++", """
            #!/bin/sh
            [ "$1" = --version ] && exec echo a compiler
            while [ "$1" != -o ]; do shift; done
            echo $$ > "$2"
            """);
        SetMode(compiler, Mine);
        Environment.SetEnvironmentVariable(HostCompiler.Variable, compiler);
        Environment.SetEnvironmentVariable(KernelCache.Variable, folder.Path);
        string library = Library.Library();
        byte[] whole = File.ReadAllBytes(library);
        Assert.Equal(Cache, Path.GetDirectoryName(library));
        Assert.Equal(library, Library.Library());
        Assert.Equal(whole, File.ReadAllBytes(library));

        SetMode(Cache, Shared);
        string own = Library.Library();
        Assert.StartsWith(Path.Combine(Path.GetTempPath(), "jepa-build-"), own, StringComparison.Ordinal);
        Assert.Equal(Mine, Mode(Path.GetDirectoryName(own)!));
        Assert.Equal(own, Library.Library());
        SetMode(Cache, Mine);

        SetMode(library, Shared);
        Assert.Equal(library, Library.Library());
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, Mode(library));

        byte[] flipped = [.. whole];
        flipped[0] ^= 1;
        foreach (byte[] damaged in new[] { flipped, whole[..^1], [] })
        {
            File.WriteAllBytes(library, damaged);
            Assert.Equal(library, Library.Library());
            Assert.NotNull(SealedFile.Read(library));
            Assert.Single(Directory.GetFiles(Cache));
        }
    }

    [Fact]
    public void AFileThatWasCutOrChangedIsNone()
    {
        string path = Path.Combine(Cache, "file"), left = Path.Combine(Cache, "file.0.unfinished");
        SealedFile.Write(path, [1, 2, 3]);
        byte[] whole = File.ReadAllBytes(path);
        Assert.Equal([1, 2, 3], SealedFile.Read(path));
        for (int i = 0; i < whole.Length; i++)
        {
            byte[] changed = [.. whole];
            changed[i] ^= 1;
            File.WriteAllBytes(path, changed);
            Assert.Null(SealedFile.Read(path));
            File.WriteAllBytes(path, whole[..i]);
            Assert.Null(SealedFile.Read(path));
        }
        File.WriteAllText(left, "of a process that was killed");
        File.SetLastWriteTimeUtc(left, DateTime.UtcNow.AddHours(-2));
        SealedFile.Write(path, []);
        Assert.Empty(SealedFile.Read(path)!);
        Assert.Equal([path], Directory.GetFiles(Cache));
    }

    [Fact]
    public void AFileThatOthersCanWriteToOrThatIsALinkIsNone()
    {
        string path = Path.Combine(Cache, "file"), elsewhere = Path.Combine(folder.Path, "elsewhere");
        SealedFile.Write(path, [1, 2, 3]);
        foreach (UnixFileMode more in new[] { UnixFileMode.GroupWrite, UnixFileMode.OtherWrite })
        {
            SetMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | more);
            Assert.Null(SealedFile.Read(path));
        }
        SetMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherRead);
        Assert.NotNull(SealedFile.Read(path));
        File.Move(path, elsewhere);
        File.CreateSymbolicLink(path, elsewhere);
        Assert.Null(SealedFile.Read(path));
        // Writing replaces the link, and not what it leads to.
        SealedFile.Write(path, [4]);
        Assert.Equal([4], SealedFile.Read(path));
        Assert.Equal([1, 2, 3], SealedFile.Read(elsewhere));
        if (!Environment.IsPrivilegedProcess)
            return;
        Process.Start("chown", ["1234", path]).WaitForExit();
        Assert.Null(SealedFile.Read(path));
    }

    [Fact]
    public void BuildFoldersOfKilledProcessesAreRemoved()
    {
        string killed = Directory.CreateTempSubdirectory("jepa-build-").FullName, young = Directory.CreateTempSubdirectory("jepa-build-").FullName;
        File.WriteAllText(Path.Combine(killed, "in-use"), "");
        using (var used = new BuildFolder())
        {
            BuildFolder.Sweep();
            Assert.False(Directory.Exists(killed));
            Assert.True(Directory.Exists(young));
            Assert.True(Directory.Exists(used.Path));
        }
        Directory.SetLastWriteTimeUtc(young, DateTime.UtcNow.AddHours(-2));
        BuildFolder.Sweep();
        Assert.False(Directory.Exists(young));
    }

    private static UnixFileMode Mode(string path) => OperatingSystem.IsWindows() ? default : File.GetUnixFileMode(path);

    private static void SetMode(string path, UnixFileMode mode)
    {
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(path, mode);
    }

    private sealed class OneCompiler : IKernelCompiler
    {
        private byte compilations;

        public string Name => "one";

        public string Identity => "one";

        public IReadOnlyList<string> IncludeFolders => ["include"];

        public CompiledKernel Compile(KernelSource source, KernelFiles files) => new([++compilations], "");
    }
}
