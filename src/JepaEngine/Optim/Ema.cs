using JepaEngine.Nn;
using JepaEngine.Tensors;

namespace JepaEngine.Optim;

/// <summary>Exponential moving average of a module's parameters in another of the same structure: a target encoder.</summary>
public static class Ema
{
    /// <summary>Each trained parameter of <paramref name="target"/> becomes decay · itself + (1 − decay) · the source's. Buffers stay.</summary>
    /// <exception cref="ArgumentException">The modules have different parameters, or their device computes in less than f32.</exception>
    public static void Update(Module target, Module source, double decay)
    {
        if (target.Device.Compute != target.Device.Statistics)
            throw new ArgumentException($"Ema: an average in {target.Device.Compute} loses small moves; let AdamW keep it (new AdamW(module, target, source))", nameof(target));
        foreach ((Parameter average, Parameter value) in Pairs(target, source))
        {
            using Tensor.Stay here = average.Value.InUse(), there = value.Value.InUse();
            if (average.Trainable)
                target.Device.Backend.Ema(average.Value.Operand, value.Value.Operand, decay);
        }
    }

    /// <summary>Copies everything, buffers included: the start of a target encoder.</summary>
    /// <exception cref="ArgumentException">The modules have different parameters.</exception>
    public static void Copy(Module target, Module source)
    {
        foreach ((Parameter average, Parameter value) in Pairs(target, source))
        {
            using Tensor.Stay here = average.Value.InUse(), there = value.Value.InUse();
            target.Device.Backend.Copy(value.Value.Operand, average.Value.Operand);
        }
    }

    internal static IEnumerable<(Parameter Target, Parameter Source)> Pairs(Module target, Module source)
    {
        var sources = source.Parameters().ToDictionary(p => p.Name, p => p.Parameter);
        foreach ((string name, Parameter parameter) in target.Parameters())
        {
            if (!sources.Remove(name, out Parameter? value) || value.Shape != parameter.Shape)
                throw new ArgumentException($"Ema: the target's {name} {parameter.Shape} has no equal in the source; both need the same structure");
            yield return (parameter, value);
        }
        if (sources.Count > 0)
            throw new ArgumentException($"Ema: the target lacks the source's {sources.Keys.First()}; both need the same structure");
    }
}
