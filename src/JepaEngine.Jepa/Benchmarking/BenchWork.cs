using JepaEngine.Autograd;
using JepaEngine.Backends;

namespace JepaEngine.Jepa.Benchmarking;

/// <summary>Work that is timed again and again: its inputs lie in memory, and each run makes its result in a scope of its own.</summary>
internal abstract class BenchWork(Device device, string name) : IDisposable
{
    private const int MostDrawn = 1 << 18;

    /// <summary>Where inputs live.</summary>
    protected TensorScope Memory { get; } = new(device, name);

    /// <summary>Bytes a run has to move, known after the first one; 0 where nobody counts them.</summary>
    public double Bytes { get; protected set; }

    /// <summary>What has to be done before a run and is not timed.</summary>
    public virtual void Ready() { }

    /// <summary>The work.</summary>
    public abstract void Run();

    /// <summary>What has to be done after a run and is not timed.</summary>
    public virtual void Done() { }

    /// <summary>Gives the memory back to the system, so that the next round meets other pages.</summary>
    public virtual void Dispose()
    {
        Memory.Dispose();
        device.Allocator.Trim();
    }

    /// <summary>An input with random numbers, drawn on the device.</summary>
    protected Tensor Draw(OpInput input, ulong stream)
    {
        var key = new PhiloxKey(20251108, stream);
        DType dtype = input.IsStatistic ? device.Statistics : device.Compute;
        switch (input.Kind)
        {
            case OpInputKind.Ids or OpInputKind.Pixels:
                return input.Place(Memory, input.Draw(key));
            case OpInputKind.Positive:
                Tensor positive = Memory.Empty(input.Shape, dtype);
                device.Backend.RandomUniform(positive.Operand, key, 0.5, 1.5);
                return positive;
            default:
                bool isTransposed = input.Layout == OpInputLayout.Transposed;
                Shape shape = isTransposed ? input.Shape.With(-1, input.Shape[^2]).With(-2, input.Shape[^1]) : input.Shape;
                Tensor normal = Memory.Empty(shape, dtype);
                DrawNormal(normal.Reshape(-1), key);
                return isTransposed ? normal.Transpose(-1, -2) : normal;
        }
    }

    /// <summary>The numbers repeat: to draw all of ten million would take ten times as long as to work with them.</summary>
    private static void DrawNormal(Tensor flat, PhiloxKey key)
    {
        int count = flat.Shape[0], done = Math.Min(count, MostDrawn);
        Backend backend = flat.Device.Backend;
        backend.RandomNormal(flat.Slice(0, 0, done).Operand, key, 0, 1);
        for (int next; done < count; done += next)
        {
            next = Math.Min(done, count - done);
            backend.Copy(flat.Slice(0, 0, next).Operand, flat.Slice(0, done, next).Operand);
        }
    }
}

/// <summary>An operation, without a tape.</summary>
internal class ForwardWork : BenchWork
{
    private readonly OpSample sample;
    private readonly Tensor[] used;
    private readonly double moves;

    /// <param name="device">Where it runs.</param>
    /// <param name="sample">The call.</param>
    /// <param name="moves">The bytes it has to move; 0 for every input read once and the result written once.</param>
    public ForwardWork(Device device, OpSample sample, double moves) : base(device, sample.Name)
    {
        this.sample = sample;
        this.moves = moves;
        Inputs = [.. sample.Inputs.Select((input, i) => Draw(input, (ulong)i))];
        used = new Tensor[Inputs.Length];
    }

    /// <summary>What it is called with.</summary>
    protected Tensor[] Inputs { get; }

    public override void Run()
    {
        using var scope = new TensorScope(Memory.Device, "run");
        for (int i = 0; i < used.Length; i++)
            used[i] = scope.Use(Inputs[i]);
        Tensor result = Call(scope, used);
        if (Bytes == 0)
            Bytes = moves > 0 ? moves : OpCase.Bytes(Inputs, result);
    }

    /// <summary>The call.</summary>
    protected virtual Tensor Call(TensorScope scope, Tensor[] inputs) => sample.Call(scope, inputs);
}

/// <summary>An optimiser's step, whose numbers lie on the device already.</summary>
internal sealed class AdamWWork : ForwardWork
{
    private readonly AdamWArena arena;
    private readonly Operand step;

    public AdamWWork(Device device, OpSample sample, double moves, bool averaged) : base(device, sample, moves)
    {
        bool hasMaster = device.Compute != device.Statistics;
        Operand[] x = [.. Inputs.Select(input => input.Operand)];
        arena = new AdamWArena(hasMaster ? x[5] : x[0], x[1], x[2], x[3], Memory.Full([], 4, DType.F64).Operand)
        {
            Master = hasMaster ? x[0] : null,
            Average = averaged ? x[4] : null,
            AverageCopy = averaged && hasMaster ? x[6] : null,
        };
        step = Memory.Empty([AdamWStep.Length], DType.F64).Operand;
        device.Backend.Upload<AdamWStep>(
            [AdamWStep.Of(10, 1e-4, 0.9, 0.999, 1e-8, 1e-3, clipNorm: 1, averageDecay: 0.996)], step);
    }

    /// <summary>Parameters, gradient, moments, their average, and what a bf16 model reads: both rounded.</summary>
    public static OpSample Sample(int parameters, bool averaged)
    {
        Shape all = [parameters];
        OpSample sample = BenchOp.Own($"{parameters}{(averaged ? " with average" : "")}", [all, all, all, all, all, all, all], (_, x) => x[0]).With(0, 2, 3, 4);
        return sample with { Inputs = [.. sample.Inputs.Select((input, i) => i == 3 ? input with { Kind = OpInputKind.Positive } : input)] };
    }

    protected override Tensor Call(TensorScope scope, Tensor[] inputs)
    {
        Memory.Device.Backend.AdamW(arena, step);
        return inputs[0];
    }
}

/// <summary>The gradients of an operation; the call before them is not timed.</summary>
internal sealed class BackwardWork : BenchWork
{
    private readonly OpSample sample;
    private readonly Tensor[] leaves;
    private Tensor? output, gradient;
    private Tape? tape;

    public BackwardWork(Device device, OpSample sample) : base(device, sample.Name)
    {
        this.sample = sample;
        leaves = [.. sample.Inputs.Select((input, i) => Draw(input, (ulong)i))];
        for (int i = 0; i < leaves.Length; i++)
            leaves[i].RequiresGrad = sample.Inputs[i].HasGrad;
    }

    public override void Ready()
    {
        tape = new Tape(Memory.Device, "run");
        output = sample.Call(tape, [.. leaves.Select(tape.Use)]);
        if (gradient is not null)
            return;
        gradient = Memory.RandomNormal(output.Shape, new PhiloxKey(2), dtype: output.DType);
        // Inputs and the result's gradient are read, the inputs' gradients written.
        Bytes = OpCase.Bytes(leaves, gradient) + leaves.Where(leaf => leaf.RequiresGrad).Sum(leaf => (double)leaf.Shape.Count * leaf.DType.Size());
    }

    public override void Run() => tape!.Backward(output!, gradient!);

    public override void Done() => tape!.Dispose();
}
