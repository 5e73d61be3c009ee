using System.Diagnostics;
using System.IO.Compression;
using JepaEngine.IO;
using JepaEngine.Memory;
using JepaEngine.Primitives;

namespace JepaEngine.Tests.IO;

/// <summary>
/// Damaged files: each opens and gives all its tensors, or is refused by a <see cref="BadFileException"/> of one line, in bounded time and memory.
/// JEPA_FUZZ_CASES sets the number of cases a format.
/// </summary>
public sealed class FuzzTests : IDisposable
{
    private const int Enough = 500;

    /// <summary>The most a file of a few KB may make of itself: what TensorFile lets every file have, and a pickle that fills its limit.</summary>
    private const long MostBytes = 64 << 20;

    private readonly TemporaryFile temporary = new();

    public void Dispose() => temporary.Dispose();

    [Theory]
    [InlineData("dtypes.safetensors", "sharded/model-00001-of-00002.safetensors")]
    [InlineData("sharded/model.safetensors.index.json", "dtypes.safetensors")]
    [InlineData("protocol2.pt", "protocol5.pt")]
    [InlineData("protocol5.pt", "stored.npz")]
    [InlineData("deflated.pt", "deflated.npz")]
    [InlineData("stored.npz", "deflated.npz")]
    [InlineData("deflated.npz", "stored.npz")]
    [InlineData("version2.npy", "array.npy")]
    public void A_damaged_file_is_read_or_refused(string name, string other)
    {
        foreach (string shard in Directory.GetFiles(Fixture.Of("sharded"), "*.safetensors"))
            File.Copy(shard, Path.Combine(temporary.Folder, Path.GetFileName(shard)));
        Fuzz(File.ReadAllBytes(Fixture.Of(name)), File.ReadAllBytes(Fixture.Of(other)), bytes => bytes);
    }

    /// <summary>Damage in the pickle alone, which a damaged zip file would hide.</summary>
    [Theory]
    [InlineData("protocol2")]
    [InlineData("protocol5")]
    public void A_damaged_pickle_in_a_sound_zip_is_read_or_refused(string name)
    {
        using ZipArchive zip = ZipFile.OpenRead(Fixture.Of(name + ".pt"));
        Dictionary<string, byte[]> entries = zip.Entries.ToDictionary(entry => entry.FullName, Content);
        string pickle = name + "/data.pkl";
        Fuzz(entries[pickle], entries[pickle], bytes =>
        {
            var whole = new ZipBytes().Add(pickle, bytes);
            foreach ((string entry, byte[] content) in entries.Where(entry => entry.Key != pickle))
                whole.Add(entry, content);
            return whole.Ended();
        });
    }

    private static byte[] Content(ZipArchiveEntry entry)
    {
        using Stream stream = entry.Open();
        byte[] content = new byte[entry.Length];
        stream.ReadExactly(content);
        return content;
    }

    private void Fuzz(byte[] sound, byte[] other, Func<byte[], byte[]> wrap)
    {
        int refused = 0, cases = Mutation.Cases(Enough);
        for (int seed = 0; seed < cases; seed++)
        {
            File.WriteAllBytes(temporary.Path, wrap(new Mutation(seed).Apply(sound, other)));
            long start = Stopwatch.GetTimestamp(), before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                ReadAll(seed);
            }
            catch (BadFileException error)
            {
                refused++;
                Assert.True(error.Message.StartsWith(temporary.Folder, StringComparison.Ordinal) && !error.Message.Any(char.IsControl),
                    $"seed {seed}: {error.Message}");
            }
            catch (Exception error) when (error is not Xunit.Sdk.XunitException)
            {
                Assert.Fail($"seed {seed}: {error}");
            }
            long bytes = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.True(bytes < MostBytes, $"seed {seed}: {bytes} managed bytes");
            // Far more than any case takes, as other tests share the processor.
            Assert.True(Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(20), $"seed {seed}: {Stopwatch.GetElapsedTime(start)}");
        }
        // A fuzzer whose files are all refused, or none, tries nothing.
        Assert.InRange(refused, cases / 20, cases - 1);
    }

    private void ReadAll(int seed)
    {
        using TensorFile file = TensorFile.Open(temporary.Path, mapped: seed % 2 == 0);
        foreach (string name in file.Entries.Keys)
        {
            using var scope = new TensorScope(Device.Cpu, "fuzz");
            file.Read(name, scope);
            Assert.True(scope.BytesInUse < MostBytes, $"seed {seed}: {name} takes {scope.BytesInUse} bytes");
            _ = file.Load(name, scope).ToArray<double>();
        }
        file.NonFinite();
    }
}
