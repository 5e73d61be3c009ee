using JepaEngine.Devices;
using JepaEngine.Tensors;

namespace JepaEngine.Nn;

/// <summary>
/// A piece of a model: named parameters and named child modules, registered in the constructor (no reflection looks for them). A model is built
/// without memory; <see cref="Allocate"/> on the root gives all parameters one slab each for trained and untrained, and their start values.
/// Forward methods are the subclass's own. Many threads may run one model's forward passes in evaluation mode, each in its own scope.
/// </summary>
public abstract class Module : IDisposable
{
    private readonly List<Parameter> parameters = [];
    private readonly List<(string Name, Module Module)> children = [];
    private TensorScope? memory;

    /// <summary>Whether the module trains: batch statistics in BatchNorm, dropout on.</summary>
    public bool Training { get; private set; }

    /// <summary>The device of <see cref="Allocate"/>.</summary>
    /// <exception cref="InvalidOperationException">The module has not been allocated.</exception>
    public Device Device => memory?.Device
        ?? throw new InvalidOperationException($"{GetType().Name} has no device yet; call Allocate(device, seed) first");

    /// <summary>Registers a trained parameter.</summary>
    protected Parameter Trained(string name, in Shape shape, Init init) => Register(new Parameter(name, shape, init, trainable: true));

    /// <summary>Registers numbers that belong to the model's state but are not trained.</summary>
    protected Parameter Buffer(string name, in Shape shape, Init init) => Register(new Parameter(name, shape, init, trainable: false));

    /// <summary>Registers a running statistic: as a buffer, but never in less than f32.</summary>
    protected Parameter Statistic(string name, in Shape shape, Init init) =>
        Register(new Parameter(name, shape, init, trainable: false, statistic: true));

    /// <summary>Registers a child.</summary>
    protected T Child<T>(string name, T module) where T : Module
    {
        children.Add((name, module));
        return module;
    }

    /// <summary>All parameters of this module and its children, under dotted names, in the order of registration.</summary>
    public IEnumerable<(string Name, Parameter Parameter)> Parameters()
    {
        foreach (Parameter parameter in parameters)
            yield return (parameter.Name, parameter);
        foreach ((string name, Module child) in children)
            foreach ((string inner, Parameter parameter) in child.Parameters())
                yield return ($"{name}.{inner}", parameter);
    }

    /// <summary>Number of trained numbers.</summary>
    public long ParameterCount => Parameters().Where(p => p.Parameter.Trainable).Sum(p => p.Parameter.Shape.Count);

    /// <summary>Gives every parameter memory on a device and its start value; the seed decides random ones. Called once, on the root.</summary>
    /// <exception cref="InvalidOperationException">The module has memory already.</exception>
    public void Allocate(Device device, ulong seed = 0)
    {
        OpenMemory(device);
        foreach (bool trainable in (ReadOnlySpan<bool>)[true, false])
            AllocateSlabs(trainable, new PhiloxKey(seed));
    }

    /// <summary>
    /// Gives every parameter numbers that exist already, where they lie: in a mapped file, in memory of a host. Called once, on the root, instead of
    /// <see cref="Allocate"/>; such parameters are for evaluation and require no gradient.
    /// </summary>
    /// <param name="device">Where the model will run.</param>
    /// <param name="find">For a name and a parameter: a tensor of the scope that is given (it lives as long as the model), and where in it the parameter lies.</param>
    /// <exception cref="InvalidOperationException">The module has memory already.</exception>
    public void Bind(Device device, Func<string, Parameter, TensorScope, (Tensor Tensor, Layout Layout)> find)
    {
        TensorScope scope = OpenMemory(device);
        foreach ((string name, Parameter parameter) in Parameters())
        {
            (Tensor tensor, Layout layout) = find(name, parameter, scope);
            DType dtype = parameter.DTypeOn(device);
            if (layout.Shape != parameter.Shape || tensor.DType != dtype)
                throw new ArgumentException($"Bind: {name} is {dtype} {parameter.Shape}, not {tensor.DType} {layout.Shape}", nameof(find));
            parameter.Value = tensor.View(scope, layout);
        }
    }

    /// <summary>
    /// The elements a parameter takes in its slab: whole groups of 8, so that each begins at 16 bytes in bf16 too, as the widest loads of a GPU need. What is
    /// between parameters is 0.
    /// </summary>
    internal static long Padded(long count) => (count + 7) / 8 * 8;

    /// <summary>Switches to training or evaluation, children included. A new model evaluates.</summary>
    public void Train(bool training = true)
    {
        Training = training;
        foreach ((_, Module child) in children)
            child.Train(training);
    }

    /// <summary>Gives the memory of <see cref="Allocate"/> back.</summary>
    public void Dispose()
    {
        memory?.Dispose();
        GC.SuppressFinalize(this);
    }

    private TensorScope OpenMemory(Device device) => memory = memory is null
        ? new TensorScope(device, $"{GetType().Name} parameters") { AcceptsResults = false }
        : throw new InvalidOperationException($"{GetType().Name} is already on {memory.Device}");

    /// <summary>One slab for each dtype among the trained, or the other, parameters.</summary>
    private void AllocateSlabs(bool trainable, PhiloxKey key)
    {
        ulong index = trainable ? 0UL : 1UL << 32;
        foreach (IGrouping<DType, Parameter> mine in Parameters().Select(p => p.Parameter).Where(p => p.Trainable == trainable).GroupBy(p => p.DTypeOn(Device)))
        {
            Storage slab = memory!.Rent(mine.Sum(p => Padded(p.Shape.Count)) * mine.Key.Size());
            long offset = 0;
            foreach (Parameter parameter in mine)
            {
                parameter.Value = new Tensor(memory, slab, mine.Key, new Layout(parameter.Shape, offset)) { RequiresGrad = trainable };
                parameter.Init.Fill(parameter.Value, key.Child(index++));
                long end = offset + parameter.Shape.Count;
                offset += Padded(parameter.Shape.Count);
                if (offset > end)
                    parameter.Value.Backend.Fill(new Operand(slab, mine.Key, new Layout([checked((int)(offset - end))], end)), 0);
            }
        }
    }

    private Parameter Register(Parameter parameter)
    {
        parameters.Add(parameter);
        return parameter;
    }
}
