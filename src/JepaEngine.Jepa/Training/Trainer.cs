using System.Diagnostics;
using JepaEngine.Autograd;
using JepaEngine.Jepa.Checkpoints;
using JepaEngine.Optim;

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
/// Trains by a recipe: AdamW with a clipped global norm, steps that are not finite skipped, checkpoints from which a
/// run goes on to the same bits. Steps count skipped ones too, and schedules and draws follow that count. Steps that
/// several threads ask for are done one after the other.
/// </summary>
public sealed class Trainer : IDisposable
{
    private const int MaxSkippedInARow = 3;

    private readonly ITrainingRecipe recipe;
    private readonly AdamW optimizer;
    private readonly PhiloxKey key;
    private readonly TensorScope memory;
    private readonly List<(Tensor Live, Tensor Kept)> statistics = [];
    private readonly Lock gate = new();
    private volatile bool isDisposed;
    private double secondsPerStep;
    private int prepared = -1;

    /// <summary>A trainer of the recipe's model.</summary>
    public Trainer(ITrainingRecipe recipe)
    {
        this.recipe = recipe;
        Module model = recipe.Model;
        optimizer = recipe.Average is { } average
            ? new AdamW(model, average.Target, average.Source, recipe.Groups) { ClipNorm = recipe.ClipNorm }
            : new AdamW(model, recipe.Groups) { ClipNorm = recipe.ClipNorm };
        key = new PhiloxKey(recipe.Seed, 1);
        memory = new TensorScope(model.Device, "trainer");
        foreach ((_, Parameter parameter) in model.Parameters())
            if (!parameter.Trainable)
                statistics.Add((parameter.Value, memory.Empty(parameter.Shape, parameter.Value.DType)));
    }

    /// <summary>How far it has come.</summary>
    public TrainingProgress Progress { get; private set; }

    /// <summary>Steps done, skipped ones included.</summary>
    public int Step => Progress.Step;

    /// <summary>Whether parameters and moments are finite, so that they are worth saving. Waits for the
    /// device.</summary>
    public bool IsFinite
    {
        get
        {
            lock (gate)
                return optimizer.IsFinite();
        }
    }

    /// <summary>False from the beginning of a step to its end: an exception that left it so broke a step off.</summary>
    public bool IsBetweenSteps { get; private set; } = true;

    /// <summary>Trains to the last step, three non-finite losses in a row, or cancellation.</summary>
    public TrainOutcome Run(Action<TrainStep> report, CancellationToken cancellation = default)
    {
        while (Step < recipe.Steps)
        {
            if (cancellation.IsCancellationRequested)
                return TrainOutcome.Interrupted;
            report(Advance());
            if (Progress.SkippedInARow == MaxSkippedInARow)
                return TrainOutcome.Diverged;
        }
        return IsFinite ? TrainOutcome.Completed : TrainOutcome.Diverged;
    }

    /// <summary>One step.</summary>
    /// <exception cref="ObjectDisposedException">The trainer or its model is disposed.</exception>
    public TrainStep Advance()
    {
        lock (gate)
            return AdvanceAlone();
    }

    private TrainStep AdvanceAlone()
    {
        ObjectDisposedException.ThrowIf(isDisposed, this);
        long begin = Stopwatch.GetTimestamp();
        IsBetweenSteps = false;
        recipe.Model.Train();
        foreach ((Tensor live, Tensor kept) in statistics)
            kept.CopyFrom(live);
        PhiloxKey stepKey = key.Child((ulong)Step);
        if (prepared != Step)
            recipe.Prepare(stepKey);
        (optimizer.LearningRate, optimizer.WeightDecay, optimizer.AverageDecay) = recipe.At(Step + 1);

        using var tape = new Tape(recipe.Model.Device, "training step");
        TrainingLoss loss = recipe.Loss(tape, stepKey);
        tape.Backward(loss.Total);
        // Side by side, so that one copy fetches them: the only time a step waits for its device.
        Tensor gathered = tape.Empty([2 + loss.Terms.Count], DType.F64);
        optimizer.Measure(Slot(gathered, 0));
        Gather(loss.Total, 1);
        for (int i = 0; i < loss.Terms.Count; i++)
            Gather(loss.Terms[i].Value, 2 + i);
        int done = Step + 1;
        // A GPU still computes; the host draws meanwhile.
        if (done < recipe.Steps)
        {
            recipe.Prepare(key.Child((ulong)done));
            prepared = done;
        }
        double[] read = gathered.ToArray<double>();
        double norm = double.IsFinite(read[1]) ? Math.Sqrt(read[0]) : double.NaN;
        bool applied = double.IsFinite(norm);
        if (applied)
        {
            optimizer.Advance();
            optimizer.Move(Slot(gathered, 0));
        }
        else
        {
            // The forward pass has moved BatchNorm's running statistics already: take that back too.
            foreach ((Tensor live, Tensor kept) in statistics)
                live.CopyFrom(kept);
        }
        Progress = Progress.After(read[1], applied);
        IsBetweenSteps = true;
        bool measures = applied && (Step == 1 || Step % recipe.MeasureEvery == 0);
        IReadOnlyList<Figure> measured = measures && loss.Measure is not null ? loss.Measure() : [];
        double seconds = Stopwatch.GetElapsedTime(begin).TotalSeconds;
        secondsPerStep = secondsPerStep == 0 ? seconds : 0.9 * secondsPerStep + 0.1 * seconds;
        Figure[] terms = [.. loss.Terms.Select((term, i) => new Figure(term.Name, read[i + 2]))];
        return new TrainStep(Step, recipe.Steps, read[1], terms, norm, optimizer.LearningRate, measured,
            recipe.Samples / secondsPerStep, (recipe.Steps - Step) * secondsPerStep, !applied);

        void Gather(Tensor scalar, int at) => tape.Device.Backend.Copy(scalar.Operand, Slot(gathered, at));
    }

    /// <summary>Writes the run, whole or not at all: model, average, optimiser, progress and what decides it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="notes">What else its metadata say.</param>
    /// <exception cref="IOException">The file cannot be written; an earlier one is intact.</exception>
    public void Save(string path, IReadOnlyDictionary<string, string>? notes = null) =>
        AtomicFile.Write(path, stream => Write(stream, notes));

    /// <summary>As <see cref="Save"/>, into a stream.</summary>
    internal void Write(Stream stream, IReadOnlyDictionary<string, string>? notes)
    {
        lock (gate)
        {
            TrainingCheckpoint.Save(stream, recipe.Model, optimizer, recipe.Average?.Target, Progress,
                notes is null ? Identity : Joined(Identity, notes));
        }
    }

    /// <summary>Goes on where <see cref="Save"/> stopped, to the same bits.</summary>
    /// <exception cref="BadFileException">The file holds no training of this recipe's model, or of another
    /// run: other data, numbers or seed.</exception>
    public void Resume(string path)
    {
        lock (gate)
        {
            Progress = TrainingCheckpoint.Load(path, recipe.Model, optimizer, recipe.Average?.Target, Identity);
            if (Progress.Step > recipe.Steps)
                throw new BadFileException(path, $"it is of step {Progress.Step} of {recipe.Steps}; it is damaged");
            if (!optimizer.IsFinite())
                throw new BadFileException(path, "parameters or moments are not finite; take an "
                    + "earlier checkpoint (jepa runs)");
        }
    }

    /// <summary>Waits for the step of another thread, and gives the optimiser's memory back; the model stays.</summary>
    /// <exception cref="InvalidOperationException">The step itself disposes it.</exception>
    public void Dispose()
    {
        if (gate.IsHeldByCurrentThread)
            throw new InvalidOperationException("the trainer is disposed by its own step; dispose it after the step");
        // Before the wait: threads that want a step too would be let in first for ever.
        isDisposed = true;
        lock (gate)
        {
            optimizer.Dispose();
            memory.Dispose();
        }
    }

    private IReadOnlyDictionary<string, string> Identity => Joined(recipe.Metadata, recipe.Identity);

    private static Dictionary<string, string> Joined(
        IReadOnlyDictionary<string, string> first, IReadOnlyDictionary<string, string> second) => new(first.Concat(second));

    private static Operand Slot(Tensor gathered, int at) => gathered.Operand with { Layout = new Layout([], at) };
}
