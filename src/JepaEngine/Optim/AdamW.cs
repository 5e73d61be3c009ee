using JepaEngine.Backends;
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
    private readonly List<Tensor> parameters = [];
    private readonly Operand values, gradients;

    /// <summary>An optimiser for all trained parameters of an allocated module.</summary>
    public AdamW(Module module)
    {
        memory = new TensorScope(module.Device, "AdamW state");
        foreach ((_, Parameter parameter) in module.Parameters())
            if (parameter.Trainable)
                parameters.Add(parameter);
        if (parameters.Count == 0)
            throw new ArgumentException($"{module.GetType().Name} has no trained parameters", nameof(module));
        long first = parameters[0].Layout.Offset, total = 0;
        foreach (Tensor parameter in parameters)
        {
            if (parameter.Layout.Offset != first + total)
                throw new ArgumentException($"{module.GetType().Name} is part of a larger model; give AdamW the module that was allocated", nameof(module));
            total += parameter.Shape.Count;
        }
        Shape flat = [checked((int)total)];
        values = parameters[0].Operand with { Layout = new Layout(flat, first) };
        Tensor gradient = memory.Zeros(flat);
        gradients = gradient.Operand;
        Moment1 = memory.Zeros(flat);
        Moment2 = memory.Zeros(flat);
        long offset = 0;
        foreach (Tensor parameter in parameters)
        {
            parameter.Grad = null;
            parameter.GradBuffer = gradient.View(memory, new Layout(parameter.Shape, gradient.Layout.Offset + offset));
            offset += parameter.Shape.Count;
        }
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
        Backend backend = Backend.For(memory.Device);
        foreach (Tensor parameter in parameters)
        {
            if (parameter.Grad is null)
                backend.Fill(parameter.GradBuffer!.Operand, 0);
            parameter.Grad = null;
        }
        double norm = Math.Sqrt(backend.SumOfSquares(gradients));
        if (!double.IsFinite(norm))
            return new StepResult(norm, Applied: false);
        // PyTorch's clip_grad_norm_ adds 1e-6 to the norm it divides by.
        double scale = Math.Min(1, ClipNorm / (norm + 1e-6));
        backend.AdamW(values, gradients, Moment1.Operand, Moment2.Operand,
            new AdamWStep(LearningRate, Beta1, Beta2, Epsilon, WeightDecay, ++Steps, scale));
        return new StepResult(norm, Applied: true);
    }

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
}
