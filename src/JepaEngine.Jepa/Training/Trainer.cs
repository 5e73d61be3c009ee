using System.Diagnostics;
using JepaEngine.Autograd;
using JepaEngine.IO;
using JepaEngine.Jepa.Checkpoints;
using JepaEngine.Jepa.Data;
using JepaEngine.Jepa.Models;
using JepaEngine.Nn;
using JepaEngine.Ops;
using JepaEngine.Optim;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Jepa.Training;

/// <summary>How a training run ended.</summary>
public enum TrainOutcome
{
    /// <summary>All steps are done.</summary>
    Completed,
    /// <summary>It was cancelled between two steps.</summary>
    Interrupted,
    /// <summary>Three losses in a row were not finite.</summary>
    Diverged,
}

/// <summary>
/// LeWorldModel's training: mean squared error of the predicted next embeddings, whose targets carry a gradient too, plus λ · SIGReg of the embeddings of each
/// time slot over the batch; AdamW with a clipped global norm, linear warm-up and cosine.
/// </summary>
public sealed class Trainer : IDisposable
{
    private const int MaxSkippedInARow = 3;

    private readonly LeWorldModel model;
    private readonly WindowSampler sampler;
    private readonly TrainOptions options;
    private readonly AdamW optimizer;
    private readonly PhiloxKey key;
    private readonly byte[] frames;
    private readonly float[] actions;
    private readonly TensorScope memory;
    private readonly List<(Tensor Live, Tensor Kept)> statistics = [];
    private double secondsPerStep;
    private int skippedInARow;

    /// <summary>A trainer of an allocated model.</summary>
    /// <exception cref="ArgumentException">The recipe cannot be, or does not fit the model.</exception>
    public Trainer(LeWorldModel model, WindowSampler sampler, TrainOptions options)
    {
        options.Validate(model.Config.History);
        this.model = model;
        this.sampler = sampler;
        this.options = options;
        optimizer = new AdamW(model) { WeightDecay = options.WeightDecay, ClipNorm = options.ClipNorm };
        key = new PhiloxKey(options.Seed, 1);
        frames = new byte[options.Batch * options.Frames * sampler.FrameBytes];
        actions = new float[options.Batch * (options.Frames - 1) * model.Config.ActionWidth];
        memory = new TensorScope(model.Device, "trainer");
        foreach ((_, Parameter parameter) in model.Parameters())
            if (!parameter.Trainable)
                statistics.Add((parameter.Value, memory.Empty(parameter.Shape, parameter.Value.DType)));
    }

    /// <summary>Steps done.</summary>
    public int Step { get; private set; }

    /// <summary>Steps that were skipped because loss or gradient were not finite.</summary>
    public int Skipped { get; private set; }

    /// <summary>Trains to the last step, three non-finite losses in a row, or cancellation.</summary>
    public TrainOutcome Run(Action<TrainStep> report, CancellationToken cancellation = default)
    {
        while (Step < options.Steps)
        {
            if (cancellation.IsCancellationRequested)
                return TrainOutcome.Interrupted;
            report(Advance());
            if (skippedInARow == MaxSkippedInARow)
                return TrainOutcome.Diverged;
        }
        return TrainOutcome.Completed;
    }

    /// <summary>One step.</summary>
    public TrainStep Advance()
    {
        long begin = Stopwatch.GetTimestamp();
        model.Train();
        foreach ((Tensor live, Tensor kept) in statistics)
            kept.CopyFrom(live);
        PhiloxKey stepKey = key.Child((ulong)Step);
        sampler.Sample(stepKey.Child(0), options.Batch, frames, actions);
        model.Config.ActionScale.Apply(actions);
        optimizer.LearningRate = Schedule.WarmupCosine(
            Step + 1, (long)Math.Round(options.Warmup * options.Steps), options.Steps + 1, options.LearningRate);

        using var tape = new Tape(model.Device, "training step");
        int size = model.Config.ImageSize, batch = options.Batch, length = options.Frames;
        Tensor pixels = tape.FromRaw<byte>(frames, [batch, length, size, size, 3]).Permute(0, 1, 4, 2, 3);
        LeWorldModelOutput output = model.Forward(
            pixels, tape.From<float>(actions, [batch, length - 1, model.Config.ActionWidth]), stepKey.Child(1));
        Tensor prediction = output.Predictions.MeanSquaredError(output.Embeddings.Slice(1, 1, length - 1));
        Tensor directions = tape.RandomDirections(options.Slices, model.Config.EmbeddingWidth, stepKey.Child(2));
        Tensor sigReg = output.Embeddings.Transpose(0, 1).SigReg(directions);
        Tensor loss = prediction + sigReg * options.SigRegWeight;

        double lossValue = loss.Item(), norm = double.NaN;
        bool applied = false;
        if (double.IsFinite(lossValue))
        {
            tape.Backward(loss);
            (norm, applied) = optimizer.Step();
        }
        if (!applied)
        {
            // The forward pass has moved BatchNorm's running statistics already: take that back too.
            foreach ((Tensor live, Tensor kept) in statistics)
                live.CopyFrom(kept);
            Skipped++;
        }
        skippedInARow = applied ? 0 : skippedInARow + 1;
        Step++;
        double rank = applied ? Spectrum.Of(output.Embeddings.ToArray<float>(), model.Config.EmbeddingWidth).EffectiveRank : double.NaN;
        double seconds = Stopwatch.GetElapsedTime(begin).TotalSeconds;
        secondsPerStep = secondsPerStep == 0 ? seconds : 0.9 * secondsPerStep + 0.1 * seconds;
        return new TrainStep(Step, options.Steps, lossValue, prediction.Item(), sigReg.Item(), norm, optimizer.LearningRate, rank,
            options.Batch / secondsPerStep, (options.Steps - Step) * secondsPerStep, !applied);
    }

    /// <summary>Writes model and optimiser, whole or not at all.</summary>
    /// <exception cref="IOException">The file cannot be written; an earlier one is intact.</exception>
    public void Save(string path) => LeWorldModelCheckpoint.Save(path, model, optimizer);

    /// <summary>Goes on where <see cref="Save"/> stopped; the model is the saved one.</summary>
    /// <exception cref="BadFileException">The file holds no optimiser of this model.</exception>
    public void Resume(string path)
    {
        LeWorldModelCheckpoint.LoadOptimizer(path, optimizer);
        Step = (int)optimizer.Steps;
    }

    /// <summary>Gives the optimiser's memory back; the model stays.</summary>
    public void Dispose()
    {
        optimizer.Dispose();
        memory.Dispose();
    }
}
