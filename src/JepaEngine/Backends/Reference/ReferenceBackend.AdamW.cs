namespace JepaEngine.Backends.Reference;

internal sealed partial class ReferenceBackend<T>
{
    /// <summary>Loshchilov and Hutter, arXiv 1711.05101, as PyTorch's torch.optim.AdamW writes it.</summary>
    public override unsafe void AdamW(in AdamWArena arena, in Operand step)
    {
        AdamWStep numbers = *(AdamWStep*)step.Address;
        double squaredNorm = *arena.SquaredNorm.As<double>();
        if (!double.IsFinite(squaredNorm))
            return;
        View<T> p = Of(arena.Parameter), gradients = Of(arena.Gradient), m = Of(arena.Moment1), v = Of(arena.Moment2);
        T scale = Number(numbers.GradientScale(squaredNorm));
        T rate = Number(numbers.LearningRate), decay = Number(numbers.LearningRate * numbers.WeightDecay);
        T keep1 = Number(numbers.Beta1), move1 = Number(1 - numbers.Beta1), keep2 = Number(numbers.Beta2), move2 = Number(1 - numbers.Beta2);
        T correction1 = Number(numbers.Correction1), correction2 = Number(numbers.Correction2);
        for (long i = 0; i < p.Count; i++)
        {
            T g = gradients[i] * scale;
            p[i] -= decay * p[i];
            m[i] = keep1 * m[i] + move1 * g;
            v[i] = keep2 * v[i] + move2 * g * g;
            p[i] -= rate * (m[i] / correction1) / (T.Sqrt(v[i] / correction2) + Number(numbers.Epsilon));
        }
        if (arena.Average is { } average)
            Ema(average, arena.Parameter, numbers.AverageDecay);
    }

    public override void Ema(in Operand average, in Operand value, double decay)
    {
        View<T> averages = Of(average), values = Of(value);
        for (long i = 0; i < averages.Count; i++)
            averages[i] = Number(decay) * averages[i] + Number(1 - decay) * values[i];
    }
}
