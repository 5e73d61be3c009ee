using System.Diagnostics;
using System.Runtime.InteropServices;
using JepaEngine.IO;
using JepaEngine.Memory;
using JepaEngine.Primitives;

namespace JepaEngine.Tests.IO;

/// <summary>
/// One case of a fuzzer: a file that is read whole, or refused by a <see cref="BadFileException"/> of one line, in at most
/// two seconds and at most ten times the file's size and 64 MB of memory.
/// </summary>
internal static class Hostile
{
    private const long Always = 64 << 20, Times = 10;

    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(2);

    /// <summary>Writes the file and reads it.</summary>
    /// <returns>The refusal; null where it was read.</returns>
    public static BadFileException? Case(string what, TemporaryFile temporary, byte[] bytes, Func<string, bool, TensorFile> open)
    {
        File.WriteAllBytes(temporary.Path, bytes);
        long size = Directory.GetFiles(temporary.Folder).Sum(path => new FileInfo(path).Length);
        long before = GC.GetAllocatedBytesForCurrentThread();
        TimeSpan start = Now();
        (BadFileException? refusal, long native) = Read(what, temporary, open);
        TimeSpan took = Now() - start;
        long used = GC.GetAllocatedBytesForCurrentThread() - before + native;
        Assert.True(used <= Times * size + Always, $"{what}: {used} bytes for a file of {size}");
        Assert.True(took <= Longest, $"{what}: {took}");
        return refusal;
    }

    /// <summary>The time of this thread alone, where the system tells it: other tests share the processor.</summary>
    private static TimeSpan Now()
    {
        const int threadsOwn = 3;
        return OperatingSystem.IsLinux() && ClockGetTime(threadsOwn, out Time time) == 0
            ? TimeSpan.FromSeconds(time.Seconds + 1e-9 * time.Nanoseconds)
            : Stopwatch.GetElapsedTime(0);
    }

    [DllImport("libc", EntryPoint = "clock_gettime")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int ClockGetTime(int clock, out Time time);

    private struct Time
    {
        public nint Seconds, Nanoseconds;
    }

    private static (BadFileException? Refusal, long Native) Read(string what, TemporaryFile temporary, Func<string, bool, TensorFile> open)
    {
        using var scope = new TensorScope(Device.Cpu, "fuzz");
        try
        {
            using TensorFile file = open(temporary.Path, what.Length % 2 == 0);
            foreach (string name in file.Entries.Keys)
                file.Load(name, scope);
            file.NonFinite();
            return (null, scope.BytesInUse);
        }
        catch (BadFileException error)
        {
            Assert.True(error.Message.StartsWith(temporary.Folder, StringComparison.Ordinal) && !error.Message.Any(char.IsControl), $"{what}: {error.Message}");
            Assert.True(error.Message.Length < 2500, $"{what}: a message of {error.Message.Length} letters");
            return (error, scope.BytesInUse);
        }
        catch (Exception error) when (error is not Xunit.Sdk.XunitException)
        {
            Assert.Fail($"{what}: {error}");
            throw;
        }
    }
}
