using JepaEngine.Backends;
using JepaEngine.Devices;
using JepaEngine.Memory;
using JepaEngine.Nn;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Optim;

/// <summary>What an optimiser step did.</summary>
/// <param name="GradientNorm">The global Euclidean norm of the gradient before clipping.</param>
/// <param name="Applied">False where the norm was not finite, so that nothing was moved.</param>
public readonly record struct StepResult(double GradientNorm, bool Applied);

/// <summary>
/// AdamW (Loshchilov and Hutter, arXiv 1711.05101) as PyTorch computes it, with clipping of the global gradient norm. The module's parameters lie in one
/// slab; their gradients and moments get slabs of the same layout, so a step is one pass over flat memory.
/// </summary>
public sealed class AdamW : IDisposable
{
    private readonly TensorScope memory;
    private readonly List<Tensor> parameters;
    private readonly Operand values, gradients;
    private readonly Tensor numbers, squaredNorm;
    private readonly Tensor? master;
    private readonly Averaged? averaged;

    /// <summary>The part of the arena that has an average: where it starts, the target's parameters and, where those are bf16, the average itself.</summary>
    private readonly record struct Averaged(long First, Operand Target, Tensor? Average);

    /// <summary>An optimiser for all trained parameters of an allocated module.</summary>
    public AdamW(Module module)
    {
        memory = new TensorScope(module.Device, "AdamW state");
        (parameters, values) = Flat(module);
        gradients = memory.Zeros(values.Shape, values.DType).Operand;
        Moment1 = memory.Zeros(values.Shape, module.Device.Statistics);
        Moment2 = memory.Zeros(values.Shape, module.Device.Statistics);
        numbers = memory.Empty([AdamWStep.Length], DType.F64);
        squaredNorm = memory.Empty([], DType.F64);
        if (values.DType != Moment1.DType)
            master = Copy(values);
        foreach (Tensor parameter in parameters)
        {
            parameter.Grad = null;
            parameter.GradBuffer = new Tensor(memory, gradients.Storage, gradients.DType, new Layout(parameter.Shape, parameter.Layout.Offset - values.Layout.Offset));
        }
    }

    /// <summary>As <see cref="AdamW(Module)"/>, and keeps the moving average of a part of the module, in the same pass: a target encoder.</summary>
    /// <param name="module">What is trained.</param>
    /// <param name="target">Holds the average; of the same structure as <paramref name="source"/>.</param>
    /// <param name="source">The module itself or a child of it.</param>
    /// <exception cref="ArgumentException">The target has other parameters than the source, or the source is no part of the module.</exception>
    public AdamW(Module module, Module target, Module source) : this(module)
    {
        foreach ((Parameter average, Parameter value) in Ema.Pairs(target, source))
            if (average.Value.Device != value.Value.Device)
                throw new ArgumentException($"the target is on {average.Value.Device}, the source on {value.Value.Device}", nameof(target));
        Operand part = Flat(source).Values, kept = Flat(target).Values;
        if (!ReferenceEquals(part.Storage, values.Storage))
            throw new ArgumentException($"{source.GetType().Name} is no part of {module.GetType().Name}", nameof(source));
        averaged = new Averaged(part.Layout.Offset - values.Layout.Offset, kept, master is null ? null : Copy(kept));
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
    public double WeightDecay { get; init; } = 1e-2;

    /// <summary>The gradient is scaled down to this global norm; infinity never clips.</summary>
    public double ClipNorm { get; init; } = double.PositiveInfinity;

    /// <summary>What the average of a target keeps of itself a step.</summary>
    public double AverageDecay { get; set; } = 0.996;

    /// <summary>Number of steps applied.</summary>
    public long Steps { get; set; }

    /// <summary>First moments, flat, in the order of the parameters; with <see cref="Moment2"/> and <see cref="Steps"/> the whole state.</summary>
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

    /// <summary>The host's half of <see cref="Step"/>: counts the step and sends its numbers to the device. Before each replay of a recorded <see cref="Apply"/>.</summary>
    public void Advance()
    {
        var step = AdamWStep.Of(++Steps, LearningRate, Beta1, Beta2, Epsilon, WeightDecay, ClipNorm, AverageDecay);
        memory.Device.Backend.Upload<AdamWStep>([step], numbers.Operand);
    }

    /// <summary>The device's half of <see cref="Step"/>: the norm and the move, by the numbers that <see cref="Advance"/> sent.</summary>
    public void Apply()
    {
        Backend backend = memory.Device.Backend;
        foreach (Tensor parameter in parameters)
        {
            if (parameter.Grad is null)
                backend.Fill(parameter.GradBuffer!.Operand, 0);
            parameter.Grad = null;
        }
        backend.SumOfSquares(gradients, squaredNorm.Operand);
        if (averaged is not { } part)
        {
            backend.AdamW(Arena(0, values.Count), numbers.Operand);
            return;
        }
        long end = part.First + part.Target.Count;
        if (part.First > 0)
            backend.AdamW(Arena(0, part.First), numbers.Operand);
        backend.AdamW(Arena(part.First, end) with { Average = part.Average?.Operand ?? part.Target, AverageCopy = part.Average is null ? null : part.Target }, numbers.Operand);
        if (end < values.Count)
            backend.AdamW(Arena(end, values.Count), numbers.Operand);
    }

    /// <summary>The global norm of the gradient of the last step, before clipping. Waits for the device.</summary>
    public double GradientNorm => Math.Sqrt(squaredNorm.Item());

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

    private Tensor Copy(in Operand source)
    {
        Tensor copy = memory.Empty(source.Shape, memory.Device.Statistics);
        memory.Device.Backend.Copy(source, copy.Operand);
        return copy;
    }

    private AdamWArena Arena(long first, long end) =>
        new(Range(values, first, end), Range(gradients, first, end), Range(Moment1.Operand, first, end), Range(Moment2.Operand, first, end),
            squaredNorm.Operand)
        {
            Master = master is null ? null : Range(master.Operand, first, end),
        };

    private static Operand Range(in Operand flat, long first, long end) =>
        flat with { Layout = new Layout([checked((int)(end - first))], flat.Layout.Offset + first) };
}
