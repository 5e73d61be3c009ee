using System.Diagnostics;
using System.Text.Json.Nodes;
using JepaEngine.Jepa.Checkpoints;
using JepaEngine.Jepa.Models;
using JepaEngine.Nn;
using JepaEngine.Primitives;

namespace JepaEngine.Tests.Checkpoints;

/// <summary>Folders whose writer is killed at each call that changes a disk, in processes of their own, and those that
/// are read meanwhile.</summary>
public sealed class KilledWriterTests : IDisposable
{
    private const string Strace = "/usr/bin/strace", Told = "JEPA_TEST_FOLDER", TestSize = "JEPA_TEST_SHARD_SIZE";

    /// <summary>Cuts the fixture's model in two; one that does not cut it.</summary>
    private const long Shards = 70_000, Whole = 1 << 30;

    private readonly TemporaryFile temporary = new();

    public void Dispose() => temporary.Dispose();

    [Theory]
    [InlineData("rename", Shards, Shards)]
    [InlineData("rename", Whole, Shards)]
    [InlineData("rename", Shards, Whole)]
    [InlineData("unlink", Shards, Shards)]
    [InlineData("unlink", Whole, Shards)]
    [InlineData("unlink", Shards, Whole)]
    [InlineData("fsync", Shards, Shards)]
    public void A_folder_holds_the_earlier_model_or_the_new_one(string call, long before, long after)
    {
        Assert.SkipUnless(File.Exists(Strace), "strace kills at a call; install it");
        bool seen = false;
        for (int time = 1; ; time++)
        {
            Write(heads: 2, before);
            bool killed = Kill(call, time, after);
            int heads = Heads();
            Assert.True(heads == 4 || (heads == 2 && killed && !seen), $"{heads} heads after a kill at {call} {time}");
            seen = heads == 4;
            if (!killed)
                break;
        }
        string index = Path.Combine(temporary.Folder, "model.safetensors.index.json");
        string[] weights = after == Whole ? ["model.safetensors"]
            : [.. JsonNode.Parse(File.ReadAllText(index))!["weight_map"]!.AsObject().Select(pair => (string)pair.Value!).Distinct(), Path.GetFileName(index)];
        Assert.Equal(weights.Append("config.json").Order(), Directory.GetFiles(temporary.Folder).Select(path => Path.GetFileName(path)!).Order());
    }

    [Fact]
    public async Task Who_reads_while_it_is_replaced_sees_one_of_them()
    {
        Write(heads: 2, Whole);
        var replaced = Task.Factory.StartNew(() =>
        {
            for (int i = 0; i < 60; i++)
                Write(heads: i % 2 == 0 ? 4 : 2, i % 3 == 0 ? Whole : Shards);
        }, TestContext.Current.CancellationToken);
        var seen = new HashSet<int>();
        while (!replaced.IsCompleted)
            seen.Add(Heads());
        await replaced;
        Assert.Equal([2, 4], seen.Order());
    }

    /// <summary>What the processes do.</summary>
    [Fact(Explicit = true)]
    public void Writer() => Write(Environment.GetEnvironmentVariable(Told)!, heads: 4, long.Parse(Environment.GetEnvironmentVariable(TestSize)!));

    private void Write(int heads, long shardSize) => Write(temporary.Folder, heads, shardSize);

    /// <summary>Two models of the same shapes: one's weights under the other's config.json would load and give other
    /// features.</summary>
    private static void Write(string folder, int heads, long shardSize)
    {
        JepaConfig known = (JepaConfig)ModelFile.Open(Fixture).Config;
        using JepaModel model = JepaModel.Create(known with { Encoder = known.Encoder with { Heads = heads } });
        model.Allocate(Device.Cpu);
        foreach ((_, Parameter parameter) in model.Parameters())
            parameter.Value.Backend.Fill(parameter.Value.Operand, heads);
        ModelWriter.Write(folder, model, ModelLayout.HuggingFace, DType.F32, shardSize);
    }

    /// <summary>Of the model that is read, once it is sure that its weights and its configuration go
    /// together.</summary>
    private int Heads()
    {
        using JepaModel model = ModelFile.Load(temporary.Folder, Device.Cpu);
        int heads = ((JepaConfig)model.Config).Encoder.Heads;
        Assert.All(model.Parameters(), p => Assert.All(p.Parameter.Value.ToArray<float>(), x => Assert.Equal(heads, x)));
        return heads;
    }

    /// <summary>Starts a writer that is killed when it makes a call for the nth time.</summary>
    /// <returns>Whether it was; else it came to its end.</returns>
    private bool Kill(string call, int time, long shardSize)
    {
        var start = new ProcessStartInfo(Strace,
        [
            "-f", "-qq", "-o", "/dev/null", "-e", $"trace={call}", "-e", $"inject={call}:signal=KILL:when={time}", "dotnet",
            Path.Combine(AppContext.BaseDirectory, "JepaEngine.Tests.dll"), "-method", $"{typeof(KilledWriterTests)}.{nameof(Writer)}", "-explicit", "only",
        ]) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        // The runtime's own pipes are unlinked too.
        start.Environment["DOTNET_EnableDiagnostics"] = "0";
        start.Environment[Told] = temporary.Folder;
        start.Environment[TestSize] = $"{shardSize}";
        using Process writer = Process.Start(start)!;
        Task<string> said = writer.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        writer.StandardError.ReadToEnd();
        writer.WaitForExit();
        Assert.True(writer.ExitCode is 0 or 137, said.Result);
        return writer.ExitCode == 137;
    }

    private static string Fixture => Path.Combine(AppContext.BaseDirectory, "Fixtures", "models", "hf_vjepa2");
}
