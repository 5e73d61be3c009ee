using JepaEngine.Autograd;
using JepaEngine.Optim;

namespace JepaEngine.Jepa.Training;

/// <summary>A number with its name: a loss term, a diagnostic.</summary>
public readonly record struct Figure(string Name, double Value);

/// <summary>What the optimiser is told for one step.</summary>
/// <param name="LearningRate">Of parameters in no group.</param>
/// <param name="WeightDecay">Of parameters in no group.</param>
/// <param name="AverageDecay">What the average keeps of itself, where there is one.</param>
public readonly record struct StepNumbers(double LearningRate, double WeightDecay, double AverageDecay = 0);

/// <summary>A module that follows another as its exponential moving average: a target encoder.</summary>
/// <param name="Target">Holds the average; allocated by itself, of the structure of the source.</param>
/// <param name="Source">The trained module or a child of it.</param>
public sealed record MovingAverage(Module Target, Module Source);

/// <summary>The loss of a step.</summary>
/// <param name="Total">Scalar on the tape, which is minimised.</param>
/// <param name="Terms">What it is made of, as it is shown: scalars, not weighted.</param>
public sealed record TrainingLoss(Tensor Total, params IReadOnlyList<(string Name, Tensor Value)> Terms)
{
    /// <summary>
    /// Measures what the loss does not say (an effective rank). It may read tensors of the step back, so the trainer
    /// asks only every <see cref="ITrainingRecipe.MeasureEvery"/> steps, when the step is done.
    /// </summary>
    public Func<IReadOnlyList<Figure>>? Measure { get; init; }
}

/// <summary>
/// What is trained and how: what a step feeds, its loss, groups, schedule and average. <see cref="Trainer"/> does the
/// rest. All draws of a step come from the key it is given, so that a resumed run draws what the uninterrupted one
/// does.
/// </summary>
public interface ITrainingRecipe
{
    /// <summary>All that is trained: an allocated root.</summary>
    Module Model { get; }

    /// <summary>Parameters that learn or decay otherwise than the rest.</summary>
    IReadOnlyList<ParameterGroup> Groups => [];

    /// <summary>What follows the trained module; null for nothing.</summary>
    MovingAverage? Average => null;

    /// <summary>Steps of the whole run, skipped ones included.</summary>
    int Steps { get; }

    /// <summary>B: samples a step, by which speed is told.</summary>
    int Samples { get; }

    /// <summary>Decides every draw.</summary>
    ulong Seed { get; }

    /// <summary>Global gradient norm beyond which gradients are scaled down.</summary>
    double ClipNorm => double.PositiveInfinity;

    /// <summary>Steps from one measurement (<see cref="TrainingLoss.Measure"/>) to the next.</summary>
    int MeasureEvery => 10;

    /// <summary>
    /// What a checkpoint's metadata say of the model, so that the file tells what it is: its configuration.
    /// </summary>
    IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>
    /// All else that decides the run, the recipe's numbers and the data's checksum: a checkpoint keeps it, and no other
    /// run goes on from there.
    /// </summary>
    IReadOnlyDictionary<string, string> Identity => new Dictionary<string, string>
    {
        ["seed"] = Seed.ToString(CultureInfo.InvariantCulture), ["steps"] = Steps.ToString(CultureInfo.InvariantCulture),
    };

    /// <summary>The schedule. Step 1 is the first.</summary>
    StepNumbers At(int step);

    /// <summary>
    /// Draws a step's batch into memory of the host. On a GPU the step before may still be computing: touch no tensor
    /// of it.
    /// </summary>
    void Prepare(PhiloxKey key);

    /// <summary>The loss of the batch that was prepared; the key is the same.</summary>
    TrainingLoss Loss(Tape tape, PhiloxKey key);
}
