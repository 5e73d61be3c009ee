using JepaEngine.Devices;
using JepaEngine.Tensors;

namespace JepaEngine.Nn;

/// <summary>How a parameter starts.</summary>
public abstract record Init
{
    /// <summary>All elements equal.</summary>
    public sealed record Constant(double Value) : Init;

    /// <summary>Normally distributed with mean 0.</summary>
    public sealed record Normal(double Std) : Init;

    /// <summary>Uniform in [−bound, bound].</summary>
    public sealed record Uniform(double Bound) : Init;

    /// <summary>Given numbers, row-major, computed when they are needed: a model that is loaded never asks for them.</summary>
    public sealed record Values(Func<float[]> Numbers) : Init;

    /// <summary>PyTorch's default for a Linear's weight and bias: uniform within 1/√fanIn.</summary>
    public static Init FanInUniform(int fanIn) => new Uniform(1 / Math.Sqrt(fanIn));

    /// <summary>Writes the start values; the key decides random ones.</summary>
    internal void Fill(Tensor tensor, PhiloxKey key)
    {
        switch (this)
        {
            case Constant constant:
                tensor.Backend.Fill(tensor.Operand, constant.Value);
                break;
            case Normal normal:
                tensor.Backend.RandomNormal(tensor.Operand, key, 0, normal.Std);
                break;
            case Uniform uniform:
                tensor.Backend.RandomUniform(tensor.Operand, key, -uniform.Bound, uniform.Bound);
                break;
            case Values values:
                tensor.CopyFrom<float>(values.Numbers());
                break;
        }
    }
}

/// <summary>
/// A tensor a module owns: trained (a weight) or not (a running statistic). It has a shape from the start and memory once the root module is
/// allocated, in one slab with all the others.
/// </summary>
public sealed class Parameter
{
    private Tensor? value;

    internal Parameter(string name, in Shape shape, Init init, bool trainable, bool statistic = false)
    {
        Name = name;
        Shape = shape;
        Init = init;
        Trainable = trainable;
        IsStatistic = statistic;
    }

    /// <summary>Its name within its module.</summary>
    public string Name { get; }

    /// <summary>Its lengths.</summary>
    public Shape Shape { get; }

    /// <summary>How it starts.</summary>
    public Init Init { get; }

    /// <summary>Whether training moves it.</summary>
    public bool Trainable { get; }

    /// <summary>Whether it is kept in the dtype of statistics: a running mean moves by less than a bf16 can tell.</summary>
    public bool IsStatistic { get; }

    /// <summary>What its numbers are stored in on a device.</summary>
    public DType DTypeOn(Device device) => IsStatistic ? device.Statistics : device.Compute;

    /// <summary>Its numbers.</summary>
    /// <exception cref="InvalidOperationException">The root module has not been allocated.</exception>
    public Tensor Value
    {
        get => value ?? throw new InvalidOperationException($"{Name} {Shape} has no memory yet; call Allocate(device, seed) on the model first");
        internal set => this.value = value;
    }

    /// <summary>The parameter where a tensor is wanted.</summary>
    public static implicit operator Tensor(Parameter parameter) => parameter.Value;
}
