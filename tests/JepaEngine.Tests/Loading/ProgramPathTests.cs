using JepaEngine.Cuda.Compile;
using JepaEngine.Cuda.Loading;
using JepaEngine.Cuda.Simulation;
using JepaEngine.IO;
using JepaEngine.Jepa.Pictures;

namespace JepaEngine.Tests.Loading;

/// <summary>A folder that brings programs, headers and libraries of its own, as the current one.</summary>
[Collection(Alone.Name)]
public sealed class ProgramPathTests : IDisposable
{
    private readonly TemporaryFile temporary = new();
    private readonly string before = Directory.GetCurrentDirectory(), ran;
    private readonly string? path = Environment.GetEnvironmentVariable("PATH"), loader = Environment.GetEnvironmentVariable("LD_LIBRARY_PATH");

    public ProgramPathTests()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the strangers' programs are shell scripts");
        ran = Path.Combine(temporary.Folder, "ran");
        foreach (string name in new[] { "ffmpeg", "ffprobe", "g++", "c++", "as", "dotnet" })
            Script(Path.Combine(temporary.Folder, name), $"touch '{ran}'");
        Directory.SetCurrentDirectory(temporary.Folder);
    }

    public void Dispose()
    {
        Directory.SetCurrentDirectory(before);
        Environment.SetEnvironmentVariable("PATH", path);
        Environment.SetEnvironmentVariable("LD_LIBRARY_PATH", loader);
        temporary.Dispose();
    }

    [Fact]
    public void Only_folders_named_in_full_are_searched()
    {
        string own = Path.Combine(temporary.Folder, "bin"), real = Path.Combine(own, "ffmpeg");
        Directory.CreateDirectory(own);
        foreach (string folders in new[] { "", ".", ":", "::.:..", "bin", "./bin" })
            Assert.Null(ProgramPath.Find("ffmpeg", folders));
        Assert.Null(ProgramPath.Find("ffmpeg", own));
        File.WriteAllText(real, "no program, as it may not be run");
        Assert.Null(ProgramPath.Find("ffmpeg", own));
        Script(real, "exit 0");
        Assert.Equal(real, ProgramPath.Find("ffmpeg", $".:bin::{own}"));
        Assert.Equal(Path.GetFullPath("ffmpeg"), ProgramPath.Find("./ffmpeg", ""));
    }

    [Fact]
    public void A_program_that_only_others_may_run_hides_none()
    {
        Assert.SkipWhen(Environment.IsPrivilegedProcess, "root may run what anybody may");
        string own = Path.Combine(temporary.Folder, "own"), others = Path.Combine(temporary.Folder, "others");
        Directory.CreateDirectory(own);
        Directory.CreateDirectory(others);
        Script(Path.Combine(own, "ffmpeg"), "exit 0");
        Script(Path.Combine(others, "ffmpeg"), "exit 1");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(Path.Combine(others, "ffmpeg"),
                UnixFileMode.UserRead | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
        Assert.Equal(Path.Combine(own, "ffmpeg"), ProgramPath.Find("ffmpeg", $"{others}:{own}"));
    }

    [Fact]
    public void What_lies_in_the_current_folder_is_not_run()
    {
        Environment.SetEnvironmentVariable("PATH", $".::{path}");
        _ = new Ffmpeg().Version();
        Assert.Throws<BadFileException>(() => new Ffmpeg(null).Probe(Path.Combine(temporary.Folder, "ffmpeg")));
        File.WriteAllText("language.h", "#error a stranger's header");
        Assert.False(File.Exists(ran));
        Gpus.Require("sim");
        new SimulatorCompiler(HostCompiler.Find(), KernelFiles.Embedded).Compile(new KernelSource("copy", "float"), KernelFiles.Embedded);
        Assert.False(File.Exists(ran));
    }

    [Fact]
    public void A_library_in_the_current_folder_is_not_loaded()
    {
        const string name = "libjepa-stranger.so.1";
        File.WriteAllText(name, "no library");
        Environment.SetEnvironmentVariable("LD_LIBRARY_PATH", ":/usr/lib/jepa");
        LibraryAttempt attempt = CudaLibraries.Candidates(null, "JEPA_NONE", [name], ["%CUDA_NONE%/lib", "here"]).Single();
        Assert.Contains("where an empty or relative part of LD_LIBRARY_PATH leads", attempt.Fault);
        Environment.SetEnvironmentVariable("LD_LIBRARY_PATH", "/usr/lib/jepa");
        Assert.Null(CudaLibraries.Candidates(null, "JEPA_NONE", [name], []).Single().Fault);
        Assert.Equal(Path.GetFullPath(name), CudaLibraries.Candidates(name, "JEPA_NONE", [name], []).Single().Path);
    }

    private static void Script(string path, string line)
    {
        File.WriteAllText(path, $"#!/bin/sh\n{line}\n");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
