using System.Reflection;
using BenchmarkDotNet.Attributes;
using JepaEngine.Backends;
using JepaEngine.Backends.Cpu;
using JepaEngine.Memory;
using JepaEngine.Primitives;
using JepaEngine.Tensors;

namespace JepaEngine.Benchmarks.Harness;

/// <summary>Cases of one kind. Around each of them the machine's limits are met, and its memory is given back.</summary>
public abstract class Family
{
    private ulong drawn;

    protected Family()
    {
        Device = Device.Cpu.With(threads: ThreadsOf(GetType()));
        Memory = new TensorScope(Device, GetType().Name);
    }

    /// <summary>Where the cases run.</summary>
    protected Device Device { get; }

    /// <summary>Its kernels.</summary>
    protected Backend Backend => Device.Backend;

    /// <summary>Where operands live.</summary>
    protected TensorScope Memory { get; }

    /// <summary>Threads of a family, never 0: "all" is another number on another machine.</summary>
    internal static int ThreadsOf(Type family) => family.GetCustomAttribute<RunsAttribute>()!.Threads is > 0 and var threads
        ? threads
        : CpuIsas.ThreadsFromEnvironment();

    [GlobalSetup]
    public void Begin()
    {
        Limits.Meet(Device.Threads);
        Prepare();
    }

    [GlobalCleanup]
    public void End()
    {
        Limits.Meet(Device.Threads);
        Release();
        Memory.Dispose();
        Device.Allocator.Trim();
    }

    /// <summary>Makes operands; parameters are set.</summary>
    protected virtual void Prepare()
    {
    }

    /// <summary>A warm operand, uniform in −1 to 1.</summary>
    private protected Operand Draw(params ReadOnlySpan<int> shape) => Memory.RandomUniform(new Shape(shape), new PhiloxKey(drawn++), -1, 1).Operand;

    /// <summary>Gives back what is no tensor.</summary>
    protected virtual void Release()
    {
    }
}
