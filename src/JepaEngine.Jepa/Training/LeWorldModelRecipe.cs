using System.Text.Json;
using JepaEngine.Autograd;
using JepaEngine.Jepa.Data;
using JepaEngine.Jepa.Models;
using JepaEngine.Jepa.Numerics;
using JepaEngine.Optim;

namespace JepaEngine.Jepa.Training;

/// <summary>
/// LeWorldModel's training: mean squared error of the predicted next embeddings, whose targets carry a gradient too,
/// plus λ · SIGReg of the embeddings of each time slot over the batch; one group, linear warm-up and cosine, no
/// average.
/// </summary>
public sealed class LeWorldModelRecipe : ITrainingRecipe
{
    /// <summary>What stands in a checkpoint's metadata: the options as JSON, the SHA-256 of the episodes.</summary>
    internal const string RecipeKey = "recipe", DataKey = "data";

    private readonly LeWorldModel model;
    private readonly WindowSampler sampler;
    private readonly TrainOptions options;
    private readonly byte[] frames;
    private readonly float[] actions;
    private readonly string data;

    /// <summary>The recipe of an allocated model.</summary>
    /// <exception cref="ArgumentException">The options cannot be, or do not fit the model.</exception>
    /// <exception cref="MemoryRefusedException">A batch is larger than an array can be.</exception>
    public LeWorldModelRecipe(LeWorldModel model, WindowSampler sampler, TrainOptions options)
    {
        options.Validate(model.Config.History);
        (this.model, this.sampler, this.options) = (model, sampler, options);
        data = sampler.Checksum();
        frames = new byte[Count((long)options.Frames * sampler.FrameBytes)];
        actions = new float[Count((options.Frames - 1L) * model.Config.ActionWidth)];

        int Count(long aWindow) => (double)options.Batch * aWindow <= Array.MaxLength
            ? (int)(options.Batch * aWindow)
            : throw new MemoryRefusedException($"a batch of train.batch {options.Batch} windows of {aWindow} bytes or "
                + $"numbers is larger than an array can be ({Array.MaxLength}); lower train.batch");
    }

    /// <inheritdoc/>
    public Module Model => model;

    /// <inheritdoc/>
    public int Steps => options.Steps;

    /// <inheritdoc/>
    public int Samples => options.Batch;

    /// <inheritdoc/>
    public ulong Seed => options.Seed;

    /// <inheritdoc/>
    public double ClipNorm => options.ClipNorm;

    /// <inheritdoc/>
    public int MeasureEvery => options.MeasureEvery;

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, string> Metadata => LeWorldModel.Family.Metadata(model.Config);

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, string> Identity => new Dictionary<string, string>
    {
        [RecipeKey] = JsonSerializer.Serialize(options, TrainJson.Default.TrainOptions), [DataKey] = data,
    };

    /// <inheritdoc/>
    public StepNumbers At(int step) => new(
        Schedule.WarmupCosine(step, (long)Math.Round(options.Warmup * Steps), Steps + 1, options.LearningRate),
        options.WeightDecay);

    /// <inheritdoc/>
    public void Prepare(PhiloxKey key)
    {
        sampler.Sample(key.Child(0), options.Batch, frames, actions);
        model.Config.ActionScale.Apply(actions);
    }

    /// <inheritdoc/>
    public TrainingLoss Loss(Tape tape, PhiloxKey key)
    {
        int size = model.Config.ImageSize, batch = options.Batch, length = options.Frames;
        int width = model.Config.EmbeddingWidth;
        Tensor pixels = tape.FromRaw<byte>(frames, [batch, length, size, size, 3]).Permute(0, 1, 4, 2, 3);
        LeWorldModelOutput output = model.Forward(
            pixels, tape.From<float>(actions, [batch, length - 1, model.Config.ActionWidth]), key.Child(1));
        Tensor prediction = output.Predictions.MeanSquaredError(output.Embeddings.Slice(1, 1, length - 1));
        Tensor directions = tape.RandomDirections(options.Slices, width, key.Child(2));
        Tensor sigReg = output.Embeddings.Transpose(0, 1).SigReg(directions);
        Tensor total = prediction + sigReg * options.SigRegWeight;
        return new TrainingLoss(total, ("prediction", prediction), ("sigReg", sigReg)) { Measure = Measure };

        IReadOnlyList<Figure> Measure() =>
            [new("effectiveRank", Spectrum.Of(output.Embeddings.ToArray<float>(), width).EffectiveRank)];
    }
}
