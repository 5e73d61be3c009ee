using JepaEngine.Backends;
using JepaEngine.Devices;
using JepaEngine.Nn;
using JepaEngine.Tensors;

namespace JepaEngine.Optim;

/// <summary>What an optimiser step did.</summary>
/// <param name="GradientNorm">The global Euclidean norm of the gradient before clipping.</param>
/// <param name="Applied">False where the norm was not finite, so that nothing was moved.</param>
public readonly record struct StepResult(double GradientNorm, bool Applied);

/// <summary>
/// AdamW (Loshchilov and Hutter, arXiv 1711.05101) as PyTorch computes it, with clipping of the global gradient norm. The module's parameters lie in one
/// slab; their gradients and moments get slabs of the same layout, so a step is one pass over flat memory. The module's memory stays as long as the optimiser.
/// One thread at a time may use it.
/// </summary>
public sealed class AdamW : IDisposable
{
    private readonly TensorScope memory;
    private readonly List<Tensor> parameters;
    private readonly Operand values, gradients;
    private readonly Tensor numbers, squaredNorm;
    private readonly Tensor? master;
    private readonly Averaged? averaged;
    private readonly IReadOnlyList<ParameterGroup> groups;
    private readonly AdamWStep[] steps;
    private readonly List<Segment> segments = [];

    /// <summary>The part of the arena that has an average: where it starts, the target's parameters and, where those are bf16, the average itself.</summary>
    private readonly record struct Averaged(long First, Operand Target, Tensor? Average)
    {
        public long End => First + Target.Count;
    }

    /// <summary>Neighbours in the arena that one call moves: of one group (0 is none), all averaged or none.</summary>
    private readonly record struct Segment(long First, long End, int Group);

    /// <summary>An optimiser for all trained parameters of an allocated module.</summary>
    /// <param name="module">What is trained.</param>
    /// <param name="groups">Which parameters learn or decay otherwise; the first group that holds one counts.</param>
    public AdamW(Module module, params IReadOnlyList<ParameterGroup> groups)
    {
        this.groups = groups;
        steps = new AdamWStep[groups.Count + 1];
        memory = new TensorScope(module.Device, "AdamW state");
        (parameters, values) = Flat(module);
        memory.Hold(values.Storage);
        gradients = memory.Zeros(values.Shape, values.DType).Operand;
        Moment1 = memory.Zeros(values.Shape, module.Device.Statistics);
        Moment2 = memory.Zeros(values.Shape, module.Device.Statistics);
        numbers = memory.Empty([steps.Length, AdamWStep.Length], DType.F64);
        squaredNorm = memory.Empty([], DType.F64);
        if (values.DType != Moment1.DType)
            master = Copy(values);
        foreach (Tensor parameter in parameters)
        {
            parameter.Grad = null;
            parameter.GradBuffer = new Tensor(memory, gradients.Storage, gradients.DType, new Layout(parameter.Shape, parameter.Layout.Offset - values.Layout.Offset));
        }
        foreach ((string name, Parameter parameter) in module.Parameters().Where(p => p.Parameter.Trainable))
        {
            int group = 1 + groups.TakeWhile(candidate => !candidate.Holds(name, parameter)).Count();
            Extend(group % steps.Length, parameter.Value.Layout.Offset - values.Layout.Offset);
        }
    }

    /// <summary>
    /// As the other, and keeps the moving average of a part of the module, in the same pass: a target encoder.
    /// </summary>
    /// <param name="module">What is trained.</param>
    /// <param name="target">Holds the average; of the same structure as <paramref name="source"/>.</param>
    /// <param name="source">The module itself or a child of it.</param>
    /// <param name="groups">Which parameters learn or decay otherwise.</param>
    /// <exception cref="ArgumentException">The target has other parameters than the source, or the source is no part of the module.</exception>
    public AdamW(Module module, Module target, Module source, params IReadOnlyList<ParameterGroup> groups)
        : this(module, groups)
    {
        foreach ((Parameter average, Parameter value) in Ema.Pairs(target, source))
            if (average.Value.Device != value.Value.Device)
                throw new ArgumentException($"the target is on {average.Value.Device}, the source on {value.Value.Device}", nameof(target));
        Operand part = Flat(source).Values, kept = Flat(target).Values;
        if (!ReferenceEquals(part.Storage, values.Storage))
            throw new ArgumentException($"{source.GetType().Name} is no part of {module.GetType().Name}", nameof(source));
        memory.Hold(kept.Storage);
        averaged = new Averaged(part.Layout.Offset - values.Layout.Offset, kept, master is null ? null : Copy(kept));
        Cut(averaged.Value.First);
        Cut(averaged.Value.End);
    }

    /// <summary>Step size; a schedule sets it before each step.</summary>
    public double LearningRate { get; set; } = 1e-3;

    /// <summary>Decay of the first moment.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Decay of the second moment.</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>Added to the root of the second moment.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>Decoupled decay of all parameters: each loses LearningRate · WeightDecay of itself a step.</summary>
    public double WeightDecay { get; set; } = 1e-2;

    /// <summary>The gradient is scaled down to this global norm; infinity never clips.</summary>
    public double ClipNorm { get; init; } = double.PositiveInfinity;

    /// <summary>What the average of a target keeps of itself a step.</summary>
    public double AverageDecay { get; set; } = 0.996;

    /// <summary>Number of steps applied.</summary>
    public long Steps { get; set; }

    /// <summary>
    /// With <see cref="Steps"/> all that a step needs of those before it: the moments and, where the parameters are
    /// bf16, the numbers that they and their average are rounded from.
    /// </summary>
    public IReadOnlyList<(string Name, Tensor Tensor)> State
    {
        get
        {
            List<(string, Tensor)> state = [("moment1", Moment1), ("moment2", Moment2)];
            if (master is not null)
                state.Add(("master", master));
            if (averaged?.Average is { } average)
                state.Add(("average", average));
            return state;
        }
    }

    /// <summary>First moments, flat, in the order of the parameters.</summary>
    public Tensor Moment1 { get; }

    /// <summary>Second moments, flat, in the order of the parameters.</summary>
    public Tensor Moment2 { get; }

    /// <summary>
    /// Moves the parameters by the gradients a tape left, and clears those. Parameters that nothing reached count as gradient 0. A norm that is not
    /// finite moves nothing.
    /// </summary>
    public StepResult Step()
    {
        Advance();
        Apply();
        double norm = GradientNorm;
        bool applied = double.IsFinite(norm);
        if (!applied)
            Steps--;
        return new StepResult(norm, applied);
    }

    /// <summary>
    /// The host's half of <see cref="Step"/>: counts the step and sends its numbers to the device. Before each replay
    /// of a recorded <see cref="Apply"/>.
    /// </summary>
    /// <exception cref="ArgumentException">A rate or decay is not finite: nothing has moved.</exception>
    public void Advance()
    {
        RequireFinite(LearningRate, nameof(LearningRate));
        RequireFinite(WeightDecay, nameof(WeightDecay));
        RequireFinite(AverageDecay, nameof(AverageDecay));
        if (!(ClipNorm > 0))
            throw new ArgumentException($"AdamW: ClipNorm is {ClipNorm}; it is above 0, infinity "
                + $"where nothing is clipped");
        Steps++;
        for (int i = 0; i < steps.Length; i++)
        {
            double rate = i == 0 ? 1 : groups[i - 1].LearningRateScale;
            double decay = i == 0 ? 1 : groups[i - 1].WeightDecayScale;
            steps[i] = AdamWStep.Of(
                Steps, rate * LearningRate, Beta1, Beta2, Epsilon, decay * WeightDecay, ClipNorm, AverageDecay);
        }
        memory.Device.Backend.Upload<AdamWStep>(steps, numbers.Operand);

        // Kernels compute in float.
        static void RequireFinite(double value, string name)
        {
            if (!float.IsFinite((float)value))
                throw new ArgumentException($"AdamW: {name} is {value}; one such step would ruin every "
                    + $"parameter, so set a finite one");
        }
    }

    /// <summary>The device's half of <see cref="Step"/>: <see cref="Measure"/>, then <see cref="Move"/>.</summary>
    public void Apply()
    {
        Measure(squaredNorm.Operand);
        Move(squaredNorm.Operand);
    }

    /// <summary>Takes the gradients that a tape left. Their squared norm, not clipped, goes to an F64 scalar.</summary>
    public void Measure(in Operand squaredNorm)
    {
        Backend backend = memory.Device.Backend;
        foreach (Tensor parameter in parameters)
        {
            if (parameter.Grad is null)
                backend.Fill(parameter.GradBuffer!.Operand, 0);
            parameter.Grad = null;
        }
        backend.SumOfSquares(gradients, squaredNorm);
    }

    /// <summary>Moves the parameters by what was measured and the numbers that <see cref="Advance"/> sent.</summary>
    public void Move(in Operand squaredNorm)
    {
        Backend backend = memory.Device.Backend;
        foreach (Segment segment in segments)
        {
            AdamWArena arena = Arena(segment.First, segment.End, squaredNorm);
            if (averaged is { } part && segment.First >= part.First && segment.End <= part.End)
            {
                long first = segment.First - part.First, end = segment.End - part.First;
                Operand target = Range(part.Target, first, end);
                arena = part.Average is { } average
                    ? arena with { Average = Range(average.Operand, first, end), AverageCopy = target }
                    : arena with { Average = target };
            }
            var step = new Layout([AdamWStep.Length], (long)segment.Group * AdamWStep.Length);
            backend.AdamW(arena, numbers.Operand with { Layout = step });
        }
    }

    /// <summary>The global norm of the gradient of the last step, before clipping. Waits for the device.</summary>
    public double GradientNorm => Math.Sqrt(squaredNorm.Item());

    /// <summary>Whether all parameters and moments are finite. Waits for the device.</summary>
    public bool IsFinite() =>
        IsFinite(master?.Operand ?? values) && IsFinite(Moment1.Operand) && IsFinite(Moment2.Operand);

    /// <summary>Forgets the gradients without a step.</summary>
    public void ZeroGrad()
    {
        foreach (Tensor parameter in parameters)
            parameter.Grad = null;
    }

    /// <summary>Gives the gradients' and moments' memory back.</summary>
    public void Dispose()
    {
        foreach (Tensor parameter in parameters)
        {
            parameter.GradBuffer = null;
            parameter.Grad = null;
        }
        memory.Dispose();
    }

    /// <summary>The trained parameters of a module as one flat operand: they lie side by side in its slab, but for what pads them (0, and its gradient too).</summary>
    private static (List<Tensor> Parameters, Operand Values) Flat(Module module)
    {
        List<Tensor> trained = [.. module.Parameters().Where(p => p.Parameter.Trainable).Select(p => p.Parameter.Value)];
        if (trained.Count == 0)
            throw new ArgumentException($"{module.GetType().Name} has no trained parameters", nameof(module));
        long first = trained[0].Layout.Offset, next = first;
        foreach (Tensor parameter in trained)
        {
            if (parameter.Layout.Offset != next)
                throw new ArgumentException($"{module.GetType().Name} is part of a larger model; give AdamW the module that was allocated", nameof(module));
            next += Module.Padded(parameter.Shape.Count);
        }
        long total = trained[^1].Layout.Offset + trained[^1].Shape.Count - first;
        return (trained, trained[0].Operand with { Layout = new Layout([checked((int)total)], first) });
    }

    /// <summary>A parameter of a group begins here.</summary>
    private void Extend(int group, long first)
    {
        if (segments.Count > 0 && segments[^1].Group == group)
            return;
        if (segments.Count > 0)
            segments[^1] = segments[^1] with { End = first };
        segments.Add(new Segment(first, values.Count, group));
    }

    /// <summary>No segment reaches across here.</summary>
    private void Cut(long at)
    {
        int index = segments.FindIndex(segment => segment.First < at && at < segment.End);
        if (index < 0)
            return;
        segments.Insert(index + 1, segments[index] with { First = at });
        segments[index] = segments[index] with { End = at };
    }

    private bool IsFinite(in Operand numbers)
    {
        memory.Device.Backend.SumOfSquares(numbers, squaredNorm.Operand);
        return double.IsFinite(squaredNorm.Item());
    }

    private Tensor Copy(in Operand source)
    {
        Tensor copy = memory.Empty(source.Shape, memory.Device.Statistics);
        memory.Device.Backend.Copy(source, copy.Operand);
        return copy;
    }

    private AdamWArena Arena(long first, long end, in Operand norm) =>
        new(Range(values, first, end), Range(gradients, first, end), Range(Moment1.Operand, first, end), Range(Moment2.Operand, first, end),
            norm)
        {
            Master = master is null ? null : Range(master.Operand, first, end),
        };

    private static Operand Range(in Operand flat, long first, long end) =>
        flat with { Layout = new Layout([checked((int)(end - first))], flat.Layout.Offset + first) };
}
