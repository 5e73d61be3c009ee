using JepaEngine.Autograd;
using JepaEngine.Jepa.Training;
using JepaEngine.Nn;
using JepaEngine.Ops;
using JepaEngine.Optim;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Tests.Training;

/// <summary>
/// A recipe that no release has, in one file: a student guesses what its own moving average says of a vector whose
/// half it does not see. Its biases do not decay, its rate and the average's decay follow schedules, and one step may
/// be planted with NaN.
/// </summary>
internal sealed class InventedRecipe : ITrainingRecipe, IDisposable
{
    private const int Batch = 8, Width = 6;

    private readonly Student student = new();
    private readonly Linear teacher = new(Width, Width);
    private readonly float[] batch = new float[Batch * Width];

    public InventedRecipe(int plantedStep = 0)
    {
        PlantedStep = plantedStep;
        student.Allocate(Device.Cpu, seed: 3);
        teacher.Allocate(Device.Cpu);
        Ema.Copy(teacher, student.Encoder);
    }

    /// <summary>In this step the batch holds a NaN; 0 for none.</summary>
    public int PlantedStep { get; set; }

    public Module Model => student;

    public IReadOnlyList<ParameterGroup> Groups { get; } =
        [new((name, _) => name.EndsWith("bias", StringComparison.Ordinal), WeightDecayScale: 0)];

    public MovingAverage? Average => new(teacher, student.Encoder);

    public int Steps => 12;

    public int Samples => Batch;

    public ulong Seed => 5;

    public int MeasureEvery => 4;

    public IReadOnlyDictionary<string, string> Metadata => new Dictionary<string, string> { ["invented"] = $"{Width}" };

    public StepNumbers At(int step) => new(
        Schedule.WarmupCosine(step, 2, Steps, 1e-2), Schedule.Linear(step, Steps, 0.04, 0.4),
        Schedule.Linear(step, Steps, 0.9, 1));

    public void Prepare(PhiloxKey key)
    {
        Philox.FillNormal(key, batch);
        if (PlantedStep > 0 && key == new PhiloxKey(Seed, 1).Child((ulong)PlantedStep - 1))
            batch[3] = float.NaN;
    }

    public TrainingLoss Loss(Tape tape, PhiloxKey key)
    {
        Tensor x = tape.From<float>(batch, [Batch, Width]), seen = x * tape.From<float>([1, 1, 1, 0, 0, 0], [Width]);
        Tensor guess = student.Forward(seen), match = guess.MeanSquaredError(teacher.Forward(x).Detach());
        Tensor size = guess.Square().Mean();
        return new TrainingLoss(match + 0.5 * size, ("match", match), ("size", size))
        {
            Measure = () => [new("largest", guess.ToArray<float>().Max())],
        };
    }

    /// <summary>Every number that training moves: parameters, running statistics, the average.</summary>
    public float[] Numbers() =>
        [.. student.Parameters().Concat(teacher.Parameters()).SelectMany(p => p.Parameter.Value.ToArray<float>())];

    public void Dispose()
    {
        student.Dispose();
        teacher.Dispose();
    }

    private sealed class Student : Module
    {
        private readonly BatchNorm norm;
        private readonly Linear head;

        public Student()
        {
            Encoder = Child("encoder", new Linear(Width, Width));
            norm = Child("norm", new BatchNorm(Width));
            head = Child("head", new Linear(Width, Width));
        }

        public Linear Encoder { get; }

        public Tensor Forward(Tensor x) => head.Forward(norm.Forward(Encoder.Forward(x)));
    }
}
