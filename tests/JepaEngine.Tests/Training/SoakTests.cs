using System.Diagnostics;
using JepaEngine.Jepa.Inference;
using JepaEngine.Jepa.Models;
using JepaEngine.Jepa.Runs;
using JepaEngine.Jepa.Training;
using JepaEngine.Primitives;

namespace JepaEngine.Tests.Training;

/// <summary>Long work in constant memory: alone, since it looks at the whole process.</summary>
[Collection(Alone.Name)]
public sealed class SoakTests : IDisposable
{
    private const int Steps = 20_000, Every = 100, Encodes = 10_000;

    /// <summary>What the process may grow by after its first tenth: the log's lines and the runtime's own
    /// caches.</summary>
    private const long Slack = 16 << 20;

    private static readonly RunConfig Tiny = new()
    {
        Model = LeWorldModelConfig.Demo with
        {
            ImageSize = 28, Patch = 14, EncoderWidth = 8, EncoderDepth = 1, EncoderHeads = 1, EncoderMlp = 8, ProjectorHidden = 8,
            EmbeddingWidth = 8, PredictorDepth = 1, PredictorHeads = 1, PredictorHeadWidth = 8, PredictorMlp = 8,
        },
        Train = TrainOptions.Demo with { Steps = Steps, Batch = 2, Slices = 4, MeasureEvery = 1000 },
        Planner = Jepa.Planning.LatentPlannerOptions.Demo,
    };

    private readonly string folder = Directory.CreateTempSubdirectory("jepa-soak").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void TwentyThousandStepsWithTwoHundredCheckpoints()
    {
        var memory = new Growth(Steps);
        var run = new RunFolder(folder);
        using (var training = new TwoRoomRun(run, Tiny, Device.Cpu, now =>
        {
            if (now is RunEvent.Stepped { Step: var step })
                memory.Look(step.Step);
        }))
        {
            TrainOutcome outcome = training.Train(
                new RunFolderOptions { CheckpointEvery = Every, Keep = 3 }, TestContext.Current.CancellationToken);
            Assert.Equal(TrainOutcome.Completed, outcome);
        }
        memory.Check();
        Assert.Equal(Steps, File.ReadLines(run.Log).Count());
        string[] left = [.. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Select(Path.GetFileName).Order()!];
        Assert.Equal([".lock", "config.json", "episodes.jepa", "model.safetensors"], left.Where(name => !name.StartsWith("step", StringComparison.Ordinal)).Take(4));
        Assert.InRange(left.Count(name => name.StartsWith("step", StringComparison.Ordinal)), 3, 4);
    }

    [Fact]
    public void TenThousandEncodes()
    {
        var config = new JepaConfig
        {
            Family = VJepa2.Family, Encoder = new VitSize(16, 1, 1, 16), ImageSize = 32, Frames = 2, TargetWidth = 16,
        };
        using var model = (VJepa2)config.Family.Create(config);
        model.Allocate(Device.Cpu, 1);
        using var session = new JepaSession(model);
        byte[] clip = new byte[2 * 32 * 32 * 3];
        new Random(1).NextBytes(clip);
        float[] first = session.Encode(clip, 2, 32, 32).Values.ToArray();
        var memory = new Growth(Encodes);
        for (int i = 1; i <= Encodes; i++)
        {
            EncodedTokens tokens = session.Encode(clip, 2, 32, 32);
            memory.Look(i);
            if (i % 1000 == 0)
                Assert.Equal(first, tokens.Values.ToArray());
        }
        memory.Check();
    }

    /// <summary>Memory of the process after a tenth of the work and at its end.</summary>
    private sealed class Growth(int total)
    {
        private long early, late;

        public void Look(int done)
        {
            if (done == total / 10)
                early = Now();
            else if (done == total)
                late = Now();
        }

        public void Check() => Assert.True(late - early < Slack, $"from {early:N0} to {late:N0} bytes");

        private static long Now()
        {
#pragma warning disable RS0030 // Garbage is no growth.
            GC.Collect();
#pragma warning restore RS0030
            using var process = Process.GetCurrentProcess();
            return process.WorkingSet64;
        }
    }
}
