using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using JepaEngine.Backends.Cpu.Simd;

namespace JepaEngine.Backends.Cpu;

/// <summary>What an elementwise kernel does with neighbouring elements: it is called for one run after another.</summary>
internal interface IRunKernel
{
    /// <summary>Does one run.</summary>
    void Run<V>(in ElementRun run) where V : struct, IVector<V>;
}

/// <summary>Elements of up to four operands at equal steps from each other: operand i's are Offset[i], Offset[i] + Step[i], ...</summary>
internal unsafe struct ElementRun
{
    public nint Index, Count;
    public fixed long Offset[Nest.MaxOperands];
    public fixed long Step[Nest.MaxOperands];
}

/// <summary>
/// The loops over up to four operands of equal shape and any layouts, with as few dimensions as the layouts allow: contiguous operands are
/// one run, [B, N, D] + [N, D] is B runs. Long runs are cut into pieces, so that they can be shared.
/// </summary>
internal unsafe struct Nest
{
    public const int MaxOperands = 4;
    private const long MaxRun = 1 << 15;

    public int Rank;
    public fixed long Length[Shape.MaxRank];
    private fixed long strides[Shape.MaxRank * MaxOperands];
    private readonly int operands;
    private readonly long pieces;

    public Nest(params ReadOnlySpan<Layout> layouts)
    {
        operands = layouts.Length;
        Shape shape = layouts[0].Shape;
        for (int axis = 0; axis < shape.Rank; axis++)
        {
            int length = shape[axis];
            if (length == 1)
                continue;
            bool joins = Rank > 0;
            for (int i = 0; i < layouts.Length && joins; i++)
                joins = Stride(Rank - 1, i) == layouts[i].Stride(axis) * length;
            if (!joins)
                Length[Rank++] = 1;
            Length[Rank - 1] *= length;
            for (int i = 0; i < layouts.Length; i++)
                Stride(Rank - 1, i) = layouts[i].Stride(axis);
        }
        if (Rank == 0)
        {
            Length[Rank++] = 1;
            for (int i = 0; i < layouts.Length; i++)
                Stride(0, i) = 1;
        }
        pieces = (Length[Rank - 1] + MaxRun - 1) / MaxRun;
        Runs = pieces;
        for (int axis = 0; axis < Rank - 1; axis++)
            Runs *= Length[axis];
    }

    /// <summary>Number of runs.</summary>
    public long Runs { get; }

    /// <summary>Elements in a run; the last of a row may be shorter.</summary>
    public readonly long RunLength => Math.Min(Length[Rank - 1], MaxRun);

    [UnscopedRef]
    public ref long Stride(int axis, int operand) => ref strides[operand * Shape.MaxRank + axis];

    /// <summary>
    /// Moves on to the next run where that takes additions only: whole rows of two dimensions, the shape of nearly everything that is not one run.
    /// </summary>
    public bool Next(ref ElementRun run)
    {
        if (Rank != 2 || pieces != 1)
            return false;
        run.Index++;
        for (int i = 0; i < operands; i++)
            run.Offset[i] += Stride(0, i);
        return true;
    }

    /// <summary>The run with this number.</summary>
    public ElementRun this[nint index]
    {
        get
        {
            Unsafe.SkipInit(out ElementRun run);
            run.Index = index;
            (long rest, long piece) = Math.DivRem(index, (nint)pieces);
            long start = piece * MaxRun;
            run.Count = (nint)Math.Min(MaxRun, Length[Rank - 1] - start);
            for (int i = 0; i < operands; i++)
            {
                run.Step[i] = Stride(Rank - 1, i);
                run.Offset[i] = start * run.Step[i];
            }
            for (int axis = Rank - 2; axis >= 0; axis--)
            {
                (rest, long at) = Math.DivRem(rest, Length[axis]);
                for (int i = 0; i < operands; i++)
                    run.Offset[i] += at * Stride(axis, i);
            }
            return run;
        }
    }
}

internal sealed unsafe partial class CpuBackend
{
    private struct NestKernel<TRun>(in Nest nest, in TRun kernel) : IKernel where TRun : struct, IRunKernel
    {
        private Nest nest = nest;
        private TRun kernel = kernel;

        public void Run<V>(int part, nint start, nint end) where V : struct, IVector<V>
        {
            if (start == end)
                return;
            ElementRun run = nest[start];
            kernel.Run<V>(run);
            for (nint i = start + 1; i < end; i++)
            {
                if (!nest.Next(ref run))
                    run = nest[i];
                kernel.Run<V>(run);
            }
        }
    }

    private void Run<TRun>(in Nest nest, in TRun kernel) where TRun : struct, IRunKernel =>
        Run(new NestKernel<TRun>(nest, kernel), nest.Runs, PartOf(nest.RunLength));
}
