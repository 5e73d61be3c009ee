using JepaEngine.Jepa.Data;
using JepaEngine.Jepa.Environments;
using JepaEngine.Jepa.Models;
using JepaEngine.Jepa.Training;
using JepaEngine.Nn;
using JepaEngine.Primitives;

namespace JepaEngine.Tests.Training;

/// <summary>Training runs of small models on few episodes.</summary>
public sealed class TrainerTests : IDisposable
{
    private static readonly LeWorldModelConfig Small = LeWorldModelConfig.Demo with { EncoderWidth = 24, EncoderDepth = 1, EncoderMlp = 48, ProjectorHidden = 32 };
    private static readonly TrainOptions Options = TrainOptions.Demo with { Steps = 6, Batch = 8, Slices = 32 };

    private readonly string folder = Directory.CreateTempSubdirectory("jepa-trainer").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void TheLossFallsAndEveryStepIsReported()
    {
        List<TrainStep> steps = [];
        using Run run = Start(Small, Options with { Steps = 40, Batch = 16, MeasureEvery = 1 });
        Assert.Equal(TrainOutcome.Completed, run.Trainer.Run(steps.Add, TestContext.Current.CancellationToken));
        Assert.Equal(Enumerable.Range(1, 40), steps.Select(step => step.Step));
        Assert.True(steps[^1].Loss < 0.7 * steps[0].Loss, $"{steps[0].Loss} to {steps[^1].Loss}");
        Assert.All(steps, step =>
        {
            Assert.Equal((step["prediction"] + 0.1 * step["sigReg"])!.Value, step.Loss, 1e-4);
            Assert.InRange(step["effectiveRank"]!.Value, 1, 32);
            Assert.InRange(step.SamplesPerSecond, 1, 1e9);
            Assert.Equal(step.ToJson(), TrainStep.Parse(step.ToJson()).ToJson());
        });
        // Warm-up over 5 % of 40 steps, then a cosine that ends near 0.
        Assert.Equal(2e-3, steps.Max(step => step.LearningRate), 1e-5);
        Assert.InRange(steps[^1].LearningRate, 0, 1e-4);
    }

    [Fact]
    public void TheSameSeedGivesTheSameBits()
    {
        List<double> first = [], second = [];
        using (Run run = Start(Small, Options))
            run.Trainer.Run(step => first.Add(step.Loss), TestContext.Current.CancellationToken);
        using (Run run = Start(Small, Options))
            run.Trainer.Run(step => second.Add(step.Loss), TestContext.Current.CancellationToken);
        Assert.Equal(first, second);
    }

    [Fact]
    public void ThreeLossesThatAreNotFiniteStopTheRunAndMoveNothing()
    {
        using Run run = Start(Small, Options);
        Parameter planted = run.Model.Parameters().Last().Parameter;
        planted.Value.CopyFrom(Enumerable.Repeat(float.NaN, (int)planted.Shape.Count).ToArray().AsSpan());
        float[][] before = Numbers(run.Model);
        List<TrainStep> steps = [];
        Assert.Equal(TrainOutcome.Diverged, run.Trainer.Run(steps.Add, TestContext.Current.CancellationToken));
        Assert.Equal(3, steps.Count);
        Assert.All(steps, step => Assert.True(step.Skipped));
        Assert.Equal(3, run.Trainer.Progress.Skipped);
        // Parameters and running statistics are what they were.
        Assert.Equal(before, Numbers(run.Model));
    }

    [Fact]
    public void CancellingStopsBetweenStepsAndAResumedRunEndsWithTheSameBits()
    {
        string path = Path.Combine(folder, "model.safetensors");
        List<double> whole = [], parts = [];
        using (Run run = Start(Small, Options))
            run.Trainer.Run(step => whole.Add(step.Loss), TestContext.Current.CancellationToken);
        using (Run run = Start(Small, Options))
        {
            using var source = new CancellationTokenSource();
            TrainOutcome outcome = run.Trainer.Run(step =>
            {
                parts.Add(step.Loss);
                if (step.Step == 2)
                    source.Cancel();
            }, source.Token);
            Assert.Equal(TrainOutcome.Interrupted, outcome);
            run.Trainer.Save(path);
        }
        using (Run run = Start(Small, Options, Jepa.Checkpoints.LeWorldModelCheckpoint.Load(path, Device.Cpu)))
        {
            run.Trainer.Resume(path);
            Assert.Equal(2, run.Trainer.Step);
            run.Trainer.Run(step => parts.Add(step.Loss), TestContext.Current.CancellationToken);
        }
        Assert.Equal(whole, parts);
    }

    private static float[][] Numbers(LeWorldModel model) => [.. model.Parameters().Select(p => p.Parameter.Value.ToArray<float>())];

    private Run Start(LeWorldModelConfig config, TrainOptions options, LeWorldModel? model = null)
    {
        string path = Path.Combine(folder, "episodes.jepa");
        var world = new TwoRoom(config.ImageSize);
        if (!File.Exists(path))
            EpisodeRecorder.Record(path, world, random => new HeldRandomPolicy(world, random), 10, 30, new PhiloxKey(1));
        return new Run(model, config, EpisodeFile.Open(path), world, options);
    }

    /// <summary>A model with its trainer and episodes.</summary>
    private sealed class Run : IDisposable
    {
        private readonly EpisodeFile episodes;

        public Run(LeWorldModel? model, LeWorldModelConfig config, EpisodeFile episodes, TwoRoom world, TrainOptions options)
        {
            this.episodes = episodes;
            if (model is null)
            {
                model = new LeWorldModel(config);
                model.Allocate(Device.Cpu, 1);
            }
            Model = model;
            var sampler = new WindowSampler(episodes, world, options.Frames, options.FrameSkip);
            Trainer = new Trainer(new LeWorldModelRecipe(model, sampler, options));
        }

        public LeWorldModel Model { get; }

        public Trainer Trainer { get; }

        public void Dispose()
        {
            Trainer.Dispose();
            Model.Dispose();
            episodes.Dispose();
        }
    }
}
