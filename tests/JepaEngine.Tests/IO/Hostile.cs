using System.Diagnostics;
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
        TimeSpan took = TimeSpan.MaxValue;
        BadFileException? refusal = null;
        // Other tests share the processor: what is slow by itself is slow each time.
        for (int tries = 0; tries < 3 && took > Longest; tries++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread(), start = Stopwatch.GetTimestamp();
            (refusal, long native) = Read(what, temporary, open);
            took = Stopwatch.GetElapsedTime(start);
            long used = GC.GetAllocatedBytesForCurrentThread() - before + native;
            Assert.True(used <= Times * size + Always, $"{what}: {used} bytes for a file of {size}");
        }
        Assert.True(took <= Longest, $"{what}: {took}");
        return refusal;
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
