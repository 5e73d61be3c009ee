using JepaEngine.Memory;

namespace JepaEngine.Backends.Reference;

internal sealed partial class ReferenceBackend<T>
{
    /// <summary>Loshchilov and Hutter, arXiv 1711.05101, as PyTorch's torch.optim.AdamW writes it.</summary>
    public override void AdamW(in AdamWArena arena, in AdamWStep step)
    {
        View<T> p = Of(arena.Parameter), gradients = Of(arena.Gradient), m = Of(arena.Moment1), v = Of(arena.Moment2);
        T rate = Number(step.LearningRate), decay = Number(step.LearningRate * step.WeightDecay);
        T keep1 = Number(step.Beta1), move1 = Number(1 - step.Beta1), keep2 = Number(step.Beta2), move2 = Number(1 - step.Beta2);
        T correction1 = Number(1 - Math.Pow(step.Beta1, step.Step)), correction2 = Number(1 - Math.Pow(step.Beta2, step.Step));
        for (long i = 0; i < p.Count; i++)
        {
            T g = gradients[i] * Number(step.GradientScale);
            p[i] -= decay * p[i];
            m[i] = keep1 * m[i] + move1 * g;
            v[i] = keep2 * v[i] + move2 * g * g;
            p[i] -= rate * (m[i] / correction1) / (T.Sqrt(v[i] / correction2) + Number(step.Epsilon));
        }
        if (arena.Average is { } average)
            Ema(average, arena.Parameter, step.AverageDecay);
    }

    /// <inheritdoc/>
    public override void Ema(in Operand average, in Operand value, double decay)
    {
        View<T> averages = Of(average), values = Of(value);
        for (long i = 0; i < averages.Count; i++)
            averages[i] = Number(decay) * averages[i] + Number(1 - decay) * values[i];
    }
}
